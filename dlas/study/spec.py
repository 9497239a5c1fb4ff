"""A study as its author wrote it: baseline, parts, how to measure, where data lie. From TOML or from arguments."""

import difflib
import itertools
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from dlas import registry
from dlas.errors import OptionError, StudyError
from dlas.option import LAYERS
from dlas.realise import Places
from dlas.stack import Stack

DESIGNS = ("factorial", "star", "sample")
DATA_FOLDER = "DLAS_DATA"
_UNITS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Part:
    """What varies, and how; `cells` and `seed` belong to the design `sample`."""

    vary: Mapping[str, tuple[str, ...]]
    design: str = "factorial"
    cells: int = 0
    seed: int = 0

    def stacks(self, baseline: Stack) -> list[Stack]:
        """The cells of this part."""
        if self.design == "star":
            return [baseline.perturb(**{layer: text}) for layer, texts in self.vary.items() for text in texts]
        if self.design == "sample":
            return self._sampled(baseline)
        combinations = itertools.product(*self.vary.values())
        return [baseline.perturb(**dict(zip(self.vary, chosen, strict=True))) for chosen in combinations]

    def _sampled(self, baseline: Stack) -> list[Stack]:
        """A balanced subset: every option of a layer about equally often, no cell twice."""
        generator = np.random.default_rng(self.seed)
        total = int(np.prod([len(texts) for texts in self.vary.values()]))
        wanted, chosen = min(self.cells, total), dict[Stack, None]()
        while len(chosen) < wanted:
            columns = {layer: _shuffled_cycle(texts, wanted, generator) for layer, texts in self.vary.items()}
            for row in zip(*columns.values(), strict=True):
                chosen.setdefault(baseline.perturb(**dict(zip(columns, row, strict=True))))
        return list(chosen)[:wanted]


def _shuffled_cycle(texts: Sequence[str], count: int, generator: np.random.Generator) -> list[str]:
    repeated = [texts[i % len(texts)] for i in range(count)]
    return [repeated[i] for i in generator.permutation(count)]


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

    def stacks(self) -> tuple[Stack, ...]:
        """Every cell once, the baseline first."""
        varied = (stack for part in self.parts for stack in part.stacks(self.baseline))
        return tuple(dict.fromkeys([self.baseline, *varied]))


# --- from arguments ---------------------------------------------------------------------------------------------


def compose(
    name: str,
    baseline: Mapping[str, str],
    vary: Mapping[str, Sequence[str]],
    measure: Measure,
    places: Mapping[str, Path],
) -> Study:
    """A study of one factorial part; an empty list of options means those that the layer suggests."""
    found: dict[str, Path] = dict(places)
    stack = Stack(**{layer: _take(layer, text, found) for layer, text in baseline.items()})
    part = Part({layer: _varied(layer, texts, stack, found) for layer, texts in vary.items()})
    return _located(Study(name, stack, (part,), measure), found)


def _varied(layer: str, texts: Sequence[str], baseline: Stack, found: dict[str, Path]) -> tuple[str, ...]:
    """Canonical options of a varied layer, the baseline's own first; raises OptionError for doubled ones."""
    if layer not in LAYERS:
        registry.catalogue(layer)
    own = getattr(baseline, layer)
    plain = [_take(layer, choice, found) for text in texts for choice in registry.expanded(layer, text)]
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


def _take(layer: str, text: str, found: dict[str, Path]) -> str:
    plain, places = registry.take_paths(layer, text)
    found.update(places)
    return plain


def _located(study: Study, found: Mapping[str, Path]) -> Study:
    """The study with every name of data that its cells use located, as far as anybody said where."""
    stacks = study.stacks()
    texts = {(layer, getattr(stack, layer)) for layer in LAYERS for stack in stacks}
    options = {option for layer, text in texts for option in registry.parse(layer, text)}
    names = {name for option in options for name in registry.locators(option)}
    places = {name: found.get(name) or _in_data_folder(name) for name in names}
    known = tuple(sorted((name, path) for name, path in places.items() if path))
    return Study(study.name, study.baseline, study.parts, study.measure, known, study.build_timeout)


def _in_data_folder(name: str) -> Path | None:
    root = os.environ.get(DATA_FOLDER)
    folder = Path(root) if root else None
    matches = sorted(folder.glob(f"{name}*")) if folder and folder.is_dir() else []
    return next((path for path in matches if name in (path.name, path.stem)), None)


# --- from TOML --------------------------------------------------------------------------------------------------


def read(path: Path, places: Mapping[str, Path]) -> Study:
    """The study in a TOML file; `places` given on the command line win over its `[data]`."""
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as problem:
        raise StudyError(f"study {path} cannot be read ({_reason(problem)}); name a TOML file") from problem
    except tomllib.TOMLDecodeError as problem:
        raise StudyError(f"study {path} is no valid TOML: {str(problem)[:1].lower()}{str(problem)[1:]}") from problem
    return _from_document(document, path, places)


def _from_document(document: Mapping[str, Any], path: Path, places: Mapping[str, Path]) -> Study:
    _known(document, ("name", "data", "baseline", "part", "measure", "build"), f"study {path}")
    found = {name: (path.parent / where).resolve() for name, where in _table(document, "data", path).items()}
    found.update(places)
    baseline = _table(document, "baseline", path)
    _known(baseline, LAYERS, f"study {path} [baseline]")
    stack = Stack(**{layer: _take(layer, str(text), found) for layer, text in baseline.items()})
    parts = tuple(_part(entry, stack, found, path) for entry in document.get("part", []))
    if not parts:
        raise StudyError(f'study {path} has no [[part]]; add one with vary.LAYER = ["option", …]')
    build = _table(document, "build", path)
    _known(build, ("timeout",), f"study {path} [build]")
    study = Study(
        name=str(document.get("name", path.stem)),
        baseline=stack,
        parts=parts,
        measure=_measure(_table(document, "measure", path), path),
        build_timeout=seconds(str(build.get("timeout", "1h"))),
    )
    return _located(study, found)


def _part(entry: Mapping[str, Any], baseline: Stack, found: dict[str, Path], path: Path) -> Part:
    place = f"study {path} [[part]]"
    _known(entry, ("design", "vary", "cells", "seed"), place)
    design = entry.get("design", "factorial")
    if design not in DESIGNS:
        raise StudyError(f"{place}: design {design!r} is unknown; it is one of {', '.join(DESIGNS)}")
    if design == "sample" and not (isinstance(entry.get("cells"), int) and entry["cells"] > 0):
        raise StudyError(f'{place}: design "sample" needs cells = NUMBER above 0')
    vary = entry.get("vary", {})
    if not isinstance(vary, dict) or not vary:
        raise StudyError(f'{place} varies nothing; add vary.LAYER = ["option", …]')
    _known(vary, LAYERS, f"{place} vary")
    wrong = next((layer for layer, texts in vary.items() if not _is_texts(texts)), None)
    if wrong:
        raise StudyError(f"{place}: vary.{wrong} must be a list of option texts")
    options = {layer: _varied(layer, texts, baseline, found) for layer, texts in vary.items()}
    return Part(options, design, entry.get("cells", 0), entry.get("seed", 0))


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _measure(table: Mapping[str, Any], path: Path) -> Measure:
    _known(table, [field.name for field in fields(Measure)], f"study {path} [measure]")
    default = Measure()
    counts = {key: table.get(key, getattr(default, key)) for key in ("images", "processes")}
    wrong = next((key for key, value in counts.items() if not isinstance(value, int) or value < 1), None)
    if wrong:
        raise StudyError(f"study {path} [measure]: {wrong} must be a whole number above 0")
    return Measure(
        margin=share(str(table.get("margin", "2%"))),
        budget=seconds(str(table.get("budget", "3s"))),
        timeout=seconds(str(table.get("timeout", "2min"))),
        **counts,
    )


def _table(document: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise StudyError(f"study {path}: [{name}] must be a table")
    return table


def _known(given: Iterable[str], known: Sequence[str], place: str) -> None:
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else f"; known are {', '.join(known)}"
            raise StudyError(f"{place}: unknown key {key!r}{hint}")


def _reason(problem: Exception) -> str:
    return (getattr(problem, "strerror", None) or "it is not UTF-8 text").lower()


# --- quantities -------------------------------------------------------------------------------------------------


def share(text: str) -> float:
    """The share that `2%` or `0.02` stands for; raises StudyError."""
    match = re.fullmatch(r"([0-9.]+)(%?)", text.strip())
    value = _number(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < value < 1:
        raise StudyError(f"margin {text!r} is no share; write for example 2%")
    return value


def seconds(text: str) -> float:
    """The seconds that `3s`, `500ms` or `2min` stand for; raises StudyError."""
    match = re.fullmatch(r"([0-9.]+)\s*(ms|s|min|h)?", text.strip())
    value = _number(match[1]) * _UNITS[match[2] or "s"] if match else 0.0
    if value <= 0:
        raise StudyError(f"duration {text!r} is no time; write for example 3s, 500ms or 2min")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
