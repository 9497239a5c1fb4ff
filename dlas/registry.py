"""Which options there are: those in `dlas.layers.*` and those that other packages offer under `dlas.options`."""

import dataclasses
import difflib
import importlib
import os
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.metadata import entry_points
from pathlib import Path

from dlas.errors import OptionError
from dlas.option import LAYERS, Option, expand, names, parameters, read_option, split, sweep, write_option

ENTRY_POINTS = "dlas.options"
CACHED = 65_536  # texts; a study of ten thousand cells has fewer
CHAINED = "compression"  # the one layer whose option may be a chain of steps


@cache
def catalogue(layer: str) -> Mapping[str, type[Option]]:
    """Every option of a layer by name; raises OptionError for an unknown layer."""
    if layer not in LAYERS:
        raise OptionError(f"unknown layer {layer!r}{_nearest(layer, LAYERS)}; the layers are: {', '.join(LAYERS)}")
    found: dict[str, type[Option]] = {}
    for option in [*_own(layer), *_plugged_in(layer)]:
        for name in names(option):
            # Silently another option under a known name would make two cubes of one label two different things.
            if name in found:
                given = f"by {found[name].__module__} and by {option.__module__}"
                raise OptionError(f"{layer} {name}: given twice, {given}; rename or remove one of them")
            found[name] = option
    return dict(sorted(found.items()))


def _own(layer: str) -> Iterable[type[Option]]:
    package = importlib.import_module(f"dlas.layers.{layer}")
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        yield from _options_in(importlib.import_module(module.name))


def _options_in(module: object) -> Iterable[type[Option]]:
    for value in vars(module).values():
        declared_here = isinstance(value, type) and value.__module__ == getattr(module, "__name__", "")
        if declared_here and hasattr(value, "suggested") and hasattr(value, "__dataclass_fields__"):
            yield value


def _plugged_in(layer: str) -> Iterable[type[Option]]:
    for point in entry_points(group=ENTRY_POINTS):
        place, _, name = point.name.partition(".")
        if place not in LAYERS:
            raise OptionError(
                f"entry point {point.name!r} of {ENTRY_POINTS}: unknown layer {place!r}{_nearest(place, LAYERS)}; "
                f"its package should call it LAYER.NAME, or be removed"
            )
        if place != layer:
            continue
        try:
            yield point.load()
        except (ImportError, AttributeError, SyntaxError) as problem:
            raise OptionError(
                f"{layer} {name}: its package cannot be imported ({problem}); repair or remove it"
            ) from problem


def find(layer: str, name: str) -> type[Option]:
    """The option class behind a name; raises OptionError that offers the nearest name."""
    known = catalogue(layer)
    if name not in known:
        hint = _nearest(name, known)
        raise OptionError(f"{layer}: unknown option {name!r}{hint}; `dlas layers {layer}` lists them")
    return known[name]


@lru_cache(maxsize=CACHED)
def parse(layer: str, text: str) -> tuple[Option, ...]:
    """The option of a text; several only for a chain in the compression layer."""
    catalogue(layer)  # an unknown layer is told first
    links = split(text)
    if len(links) > 1 and layer != CHAINED:
        raise OptionError(f"{layer}: {text!r} is a chain; only {CHAINED} takes one (in values write + as %2B)")
    return tuple(read_option(layer, find(layer, name), name, arguments) for name, arguments in links)


@lru_cache(maxsize=CACHED)
def write(options: tuple[Option, ...]) -> str:
    """Canonical text of an option or a chain."""
    return "+".join(write_option(option) for option in options)


@lru_cache(maxsize=CACHED)
def canonical(layer: str, text: str) -> str:
    """The one text that stands for the same option."""
    return write(parse(layer, text))


def expanded(layer: str, text: str) -> list[str]:
    """Canonical texts of all options that a text with ranges stands for."""

    def values(name: str, keyword: str | None, raw: str) -> list[str]:
        declared = parameters(find(layer, name))
        key = keyword or next((k for k, (_, p, _) in declared.items() if p.positional), "")
        if key not in declared or declared[key][0] not in (int, float):
            return [raw]
        try:
            return expand(raw)
        except OptionError as problem:
            raise OptionError(f"{layer} {name}: {key}: {problem}") from problem

    return [canonical(layer, choice) for choice in sweep(text, values)]


def take_paths(layer: str, text: str) -> tuple[str, dict[str, Path]]:
    """The canonical text with each path replaced by its stem, and what each stem locates.

    A path is a locator, not an identity: labels must be the same on every machine.
    """
    places: dict[str, Path] = {}
    links: list[Option] = []
    for option in parse(layer, text):
        for key, (_, declaration, _) in parameters(type(option)).items():
            value = str(getattr(option, key))
            if declaration.locator and "/" in value:
                path = _absolute(layer, option, value)
                if places.get(path.stem, path) != path:
                    raise OptionError(f"{layer} {text}: two paths are called {path.stem!r}; rename one of them")
                places[path.stem] = path
                option = dataclasses.replace(option, **{key: path.stem})
        links.append(option)
    return write(tuple(links)), places


def _absolute(layer: str, option: Option, text: str) -> Path:
    """A typed path as an absolute one; links stay, so that its stem is the one that was typed."""
    try:
        path = absolute(text)
    except RuntimeError as problem:  # no such home
        raise OptionError(f"{layer} {write((option,))}: {text!r} is no path ({problem})") from problem
    if "\0" in text:
        raise OptionError(f"{layer} {write((option,))!r}: a path has no null character; name a file or a folder")
    return path


def absolute(path: str | Path) -> Path:
    """A path of the user's as an absolute one; links stay, as that of a Python in a virtual environment must."""
    return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100


def locators(option: Option) -> list[str]:
    """The names of data that an option asks for."""
    declared = parameters(type(option))
    named = {key: declaration for key, (_, declaration, _) in declared.items() if declaration.locator}
    values = {key: str(getattr(option, key)) for key in named}
    return [value for key, value in values.items() if value and value not in named[key].choices]


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
