"""`dlas analyse`: what a cube shows, in words, or as tables."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import xarray as xr

from dlas import api
from dlas.analysis import (
    best,
    cells,
    claims,
    constraint,
    declared,
    effects,
    flips,
    interactions,
    pareto,
    proxies,
    roofline,
    speedup,
)
from dlas.analysis.quantities import find
from dlas.errors import CubeError
from dlas.option import LAYERS

FORMATS = ("text", "json", "csv")


@dataclass(frozen=True)
class Asked:
    """What the command line said beside the cube."""

    objective: str
    subject_to: Sequence[str]
    gflops: float
    bandwidth: float
    claims: Path | None


Tables = Iterator[tuple[Any, list[str]]]  # results with their findings in words


def _speedup(cube: xr.Dataset, _: Asked) -> Tables:
    found = speedup.speedup(cube)
    frame = found.to_dataframe().reset_index()
    yield frame[frame["status"] == "ok"][[*LAYERS, "speedup", "speedup_low", "speedup_high"]], speedup.sentences(found)


def _best(cube: xr.Dataset, asked: Asked) -> Tables:
    found = best.best(cube, asked.objective, asked.subject_to)
    yield found, best.sentences(found)


def _pareto(cube: xr.Dataset, _: Asked) -> Tables:
    found = pareto.pareto(cube)
    yield found, pareto.sentences(found)


def _effects(cube: xr.Dataset, _: Asked) -> Tables:
    found = effects.effects(cube)
    yield found, effects.sentences(found)


def _interactions(cube: xr.Dataset, asked: Asked) -> Tables:
    for a, b in combinations(cells.varying_with(cube, asked.objective), 2):
        found = interactions.interactions(cube, a, b, asked.objective)
        yield found, interactions.sentences(found)


def _flips(cube: xr.Dataset, asked: Asked) -> Tables:
    for layer, across in permutations(cells.varying_with(cube, asked.objective), 2):
        found = flips.rank_flips(cube, layer, across, asked.objective)
        yield found, flips.sentences(found)


def _proxies(cube: xr.Dataset, asked: Asked) -> Tables:
    found = proxies.proxies(cube, asked.objective)
    yield found, proxies.sentences(found)


def _roofline(cube: xr.Dataset, asked: Asked) -> Tables:
    found = cube.dlas.roofline(asked.gflops or None, asked.bandwidth or None)
    yield found, roofline.sentences(found)


def _claims(cube: xr.Dataset, asked: Asked) -> Tables:
    if asked.claims is None:
        raise CubeError("--what claims needs a file that declares them; add --claims FILE.toml")
    found = claims.claims(cube, declared.read(asked.claims))
    yield found, claims.sentences(found)


ANALYSES: Mapping[str, Callable[[xr.Dataset, Asked], Tables]] = {
    "speedup": _speedup,
    "best": _best,
    "pareto": _pareto,
    "effects": _effects,
    "interactions": _interactions,
    "flips": _flips,
    "proxies": _proxies,
    "roofline": _roofline,
    "claims": _claims,
}
BY_DEFAULT = tuple(name for name in ANALYSES if name not in ("roofline", "claims"))  # one measures, one needs a file


def show(
    path: Path,
    what: Sequence[str],
    objective: str,
    subject_to: Sequence[str],
    gflops: float,
    bandwidth: float,
    claims_file: Path | None,
    format_: str,
) -> None:
    """Print the asked analyses of a cube; one that was not asked for by name may have nothing to say."""
    unknown = [name for name in what if name not in ANALYSES]
    if unknown:
        raise CubeError(f"--what {unknown[0]} is unknown; choose of {', '.join(ANALYSES)}")
    if format_ not in FORMATS:
        raise CubeError(f"--format {format_} is unknown; choose one of {', '.join(FORMATS)}")
    if format_ == "csv" and len({*what, *(["claims"] if claims_file else [])}) != 1:
        raise CubeError("--format csv writes one table; name one analysis with --what")
    find(objective)
    constraint.read_all(subject_to)  # what is misspelt is told before anything is analysed
    cube = api.open_cube(path)
    asked = Asked(objective, subject_to, gflops, bandwidth, claims_file)
    chosen = dict.fromkeys([*(what or ([] if claims_file else BY_DEFAULT)), *(["claims"] if claims_file else [])])
    found = {name: _found(cube, asked, name, bool(what or claims_file)) for name in chosen}
    {"text": _text, "json": _json, "csv": _csv}[format_](found)


def _found(cube: xr.Dataset, asked: Asked, name: str, insisted: bool) -> list[tuple[Any, list[str]]]:
    try:
        return list(ANALYSES[name](cube, asked))
    except CubeError as problem:
        if insisted:
            raise
        return [(None, [f"not told: {problem}."])]


Found = Mapping[str, list[tuple[Any, list[str]]]]


def _text(found: Found) -> None:
    width = max(map(len, found))
    for name, parts in found.items():
        for sentence in (sentence for _, said in parts for sentence in said):
            print(f"{name:<{width}}  {sentence}")


def _json(found: Found) -> None:
    told = {
        name: {"findings": [sentence for _, said in parts for sentence in said], "rows": _records(parts)}
        for name, parts in found.items()
    }
    print(json.dumps(told, indent=1, ensure_ascii=False))


def _records(parts: Sequence[tuple[Any, list[str]]]) -> list[dict[str, Any]]:
    """Rows of all tables; what is no number is null."""
    texts = [frame.to_json(orient="records") for frame, _ in parts if frame is not None]
    return [record for text in texts for record in json.loads(text)]


def _csv(found: Found) -> None:
    import pandas

    ((_, parts),) = found.items()
    print(pandas.concat([frame for frame, _ in parts]).to_csv(index=False), end="")
