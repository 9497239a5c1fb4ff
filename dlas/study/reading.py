"""Reading a study from a TOML file; every mistake in it is told in one sentence."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from dlas.errors import StudyError
from dlas.option import LAYERS
from dlas.registry import absolute
from dlas.stack import Stack
from dlas.study.quantities import seconds, share
from dlas.study.spec import DESIGNS, Measure, Part, Study, located, take, varied


def read(path: Path, places: Mapping[str, Path]) -> Study:
    """The study in a TOML file; `places` given on the command line win over its `[data]`."""
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as problem:
        raise StudyError(f"study {path} cannot be read ({_reason(problem)}); name a TOML file") from problem
    except tomllib.TOMLDecodeError as problem:
        raise StudyError(f"study {path} is no valid TOML: {str(problem)[:1].lower()}{str(problem)[1:]}") from problem
    except (ValueError, RecursionError) as problem:
        raise StudyError(f"study {path} cannot be read: a number or a nesting in it is too large") from problem
    return _from_document(document, path, places)


def _from_document(document: Mapping[str, Any], path: Path, places: Mapping[str, Path]) -> Study:
    _known(document, ("name", "data", "options", "baseline", "part", "measure", "build"), f"study {path}")
    found = _data(_table(document, "data", path), path)
    found.update(places)
    baseline = _table(document, "baseline", path)
    _known(baseline, LAYERS, f"study {path} [baseline]")
    stack = Stack(**{layer: take(layer, str(text), found) for layer, text in baseline.items()})
    lists = _table(document, "options", path)
    parts = tuple(_part(entry, stack, lists, found, path) for entry in _parts(document.get("part"), path))
    build = _table(document, "build", path)
    _known(build, ("timeout",), f"study {path} [build]")
    study = Study(
        name=str(document.get("name", path.stem)),
        baseline=stack,
        parts=parts,
        measure=_measure(_table(document, "measure", path), path),
        build_timeout=seconds(str(build.get("timeout", "1h"))),
    )
    return located(study, found)


def _data(table: Mapping[str, Any], path: Path) -> dict[str, Path]:
    wrong = next((name for name, where in table.items() if not isinstance(where, str) or "\0" in where), None)
    if wrong:
        raise StudyError(f"study {path} [data]: {wrong} must be a path in quotes")
    try:
        return {name: absolute(path.parent / Path(where).expanduser()) for name, where in table.items()}
    except RuntimeError as problem:  # no such home
        raise StudyError(f"study {path} [data]: a path is none ({problem}); name a file or a folder") from problem


def _parts(entries: object, path: Path) -> list[dict[str, Any]]:
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise StudyError(f'study {path} has no [[part]]; add one with vary.LAYER = ["option", …]')
    return entries


def _part(
    entry: Mapping[str, Any], baseline: Stack, lists: Mapping[str, Any], found: dict[str, Path], path: Path
) -> Part:
    place = f"study {path} [[part]]"
    _known(entry, ("design", "set", "vary", "cells", "seed"), place)
    design = entry.get("design", "factorial")
    if design not in DESIGNS:
        raise StudyError(f"{place}: design {design!r} is unknown; it is one of {', '.join(DESIGNS)}")
    cells, seed = entry.get("cells", 0), entry.get("seed", 0)
    if not _is_count(cells) or (design == "sample" and not cells):
        raise StudyError(f'{place}: design "sample" needs cells = NUMBER above 0')
    if not _is_count(seed):
        raise StudyError(f"{place}: seed must be a whole number, 0 or above")
    vary = entry.get("vary", {})
    if not isinstance(vary, dict) or not vary:
        raise StudyError(f'{place} varies nothing; add vary.LAYER = ["option", …]')
    _known(vary, LAYERS, f"{place} vary")
    texts = {layer: _texts(layer, given, lists, place) for layer, given in vary.items()}
    departed = _departed(entry.get("set", {}), found, place)
    own = baseline.perturb(**departed)
    options = {layer: varied(layer, listed, own, found) for layer, listed in texts.items()}
    return Part(options, design, cells, seed, departed)


def _departed(entry: object, found: dict[str, Path], place: str) -> dict[str, str]:
    """What a part replaces in the baseline before it varies anything."""
    if not isinstance(entry, dict) or not all(isinstance(text, str) for text in entry.values()):
        raise StudyError(f'{place}: set must be a table of options, as in set.codegen = "tvm"')
    _known(entry, LAYERS, f"{place} set")
    return {layer: take(layer, text, found) for layer, text in entry.items()}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _texts(layer: str, given: object, lists: Mapping[str, Any], place: str) -> list[str]:
    """The options of a varied layer: a list, or the name of one in `[options]`."""
    texts, written = given, f"vary.{layer}"
    if isinstance(given, str):
        if given not in lists:
            raise StudyError(f"{place}: {written}: [options] has no list {given!r}; add it, or write a list here")
        texts, written = lists[given], f"[options] {given}"
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise StudyError(f"{place}: {written} must be a list of option texts")
    return texts


def _measure(table: Mapping[str, Any], path: Path) -> Measure:
    _known(table, [field.name for field in fields(Measure)], f"study {path} [measure]")
    default = Measure()
    counts = {key: table.get(key, getattr(default, key)) for key in ("images", "processes")}
    wrong = next((key for key, value in counts.items() if not _is_count(value) or not value), None)
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
    strerror: str | None = getattr(problem, "strerror", None)
    return strerror.lower() if strerror else "it is not UTF-8 text"
