"""A study as a value: baseline, parts, how to measure, where data lie; and how arguments become one."""

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dlas import registry
from dlas.errors import OptionError, StudyError
from dlas.option import LAYERS
from dlas.realise import Places
from dlas.stack import Stack
from dlas.study.sampling import balanced

DESIGNS = ("factorial", "star", "sample")
DATA_FOLDER = "DLAS_DATA"


@dataclass(frozen=True)
class Part:
    """What varies, and how, from the baseline with the layers in `set` replaced; `cells`, `seed` are of `sample`."""

    vary: Mapping[str, tuple[str, ...]]
    design: str = "factorial"
    cells: int = 0
    seed: int = 0
    set: Mapping[str, str] = field(default_factory=dict)

    def stacks(self, baseline: Stack) -> list[Stack]:
        """The cells of this part."""
        return self._varied(baseline.perturb(**self.set))

    def _varied(self, baseline: Stack) -> list[Stack]:
        if self.design == "star":
            return [baseline.perturb(**{layer: text}) for layer, texts in self.vary.items() for text in texts]
        if self.design == "sample":
            return self._sampled(baseline)
        combinations = itertools.product(*self.vary.values())
        return [baseline.perturb(**dict(zip(self.vary, chosen, strict=True))) for chosen in combinations]

    def _sampled(self, baseline: Stack) -> list[Stack]:
        texts = list(self.vary.values())
        chosen = balanced([len(options) for options in texts], self.cells, self.seed)
        rows = [[options[i] for options, i in zip(texts, cell, strict=True)] for cell in chosen]
        return [baseline.perturb(**dict(zip(self.vary, row, strict=True))) for row in rows]


@dataclass(frozen=True)
class Measure:
    """How long to measure: relative half-interval asked for, seconds a cell; images that score an executable.

    `timeout` is the longest that a child may take to load or warm up, in seconds.
    """

    margin: float = 0.02
    budget: float = 3.0
    images: int = 1000
    processes: int = 3
    timeout: float = 120.0


@dataclass(frozen=True)
class Study:
    """A baseline and what is varied from it."""

    name: str
    baseline: Stack = field(default_factory=Stack)
    parts: tuple[Part, ...] = ()
    measure: Measure = field(default_factory=Measure)
    places: Places = ()
    build_timeout: float = 3600.0
    search: Mapping[str, Any] = field(default_factory=dict)  # how `--until` chose levels (dlas.study.until.Search)

    def stacks(self) -> tuple[Stack, ...]:
        """Every cell once, the baseline first."""
        varied = (stack for part in self.parts for stack in part.stacks(self.baseline))
        return tuple(dict.fromkeys([self.baseline, *varied]))


def compose(
    name: str,
    baseline: Mapping[str, str],
    vary: Mapping[str, Sequence[str]],
    measure: Measure,
    places: Mapping[str, Path],
) -> Study:
    """A study of one factorial part; an empty list of options means those that the layer suggests."""
    found: dict[str, Path] = dict(places)
    stack = Stack(**{layer: take(layer, text, found) for layer, text in baseline.items()})
    part = Part({layer: varied(layer, texts, stack, found) for layer, texts in vary.items()})
    return located(Study(name, stack, (part,), measure), found)


def varied(layer: str, texts: Sequence[str], baseline: Stack, found: dict[str, Path]) -> tuple[str, ...]:
    """Canonical options of a varied layer, the baseline's own first; raises OptionError for doubled ones."""
    if layer not in LAYERS:
        registry.catalogue(layer)
    own = getattr(baseline, layer)
    plain = [take(layer, choice, found) for text in texts for choice in registry.expanded(layer, text)]
    doubled = {text for text in plain if plain.count(text) > 1}
    if doubled:
        raise OptionError(f"{layer}: {min(doubled)} is named twice; name it once")
    if not texts:
        plain = suggestions(layer)
    return tuple(dict.fromkeys([own, *plain]))


def suggestions(layer: str) -> list[str]:
    """What a bare `--layer` tries: the suggested texts of every option of the layer."""
    options = dict.fromkeys(registry.catalogue(layer).values())
    return [registry.canonical(layer, text) for option in options for text in option.suggested]


def take(layer: str, text: str, found: dict[str, Path]) -> str:
    """The option's canonical text; a path typed in it goes into `found` under its stem."""
    plain, places = registry.take_paths(layer, text)
    for name, path in places.items():
        if found.setdefault(name, path) != path:
            raise StudyError(f"{layer} {text}: {found[name]} and {path} would both be called {name}; rename one")
    return plain


def located(study: Study, found: Mapping[str, Path]) -> Study:
    """The study with every name of data that its cells use located, as far as anybody said where."""
    stacks = study.stacks()
    texts = {(layer, getattr(stack, layer)) for layer in LAYERS for stack in stacks}
    options = {option for layer, text in texts for option in registry.parse(layer, text)}
    names = {name for option in options for name in registry.locators(option)}
    places = {name: found.get(name) or _in_data_folder(name) for name in names}
    known = tuple(sorted((name, path) for name, path in places.items() if path))
    return replace(study, places=known)


def _in_data_folder(name: str) -> Path | None:
    root = os.environ.get(DATA_FOLDER)
    folder = Path(root) if root else None
    inside = sorted(folder.iterdir()) if folder and folder.is_dir() else []
    return next((path for path in inside if name in (path.name, path.stem)), None)
