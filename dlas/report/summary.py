"""What a person should know first, in plain words: what was varied, where, what was found, what is not certain."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import xarray as xr

from dlas.analysis import effects, flips, interactions
from dlas.cube import frame, label
from dlas.errors import CubeError
from dlas.merge import anywhere
from dlas.option import LAYERS
from dlas.plot.cells import varied
from dlas.rounding import BYTES, quantity, with_interval

FINDINGS = 5
_NAMED = 6  # options that a sentence still names


@dataclass(frozen=True)
class Summary:
    """Sentences, in the order in which they are read."""

    study: Sequence[str]
    findings: Sequence[str]
    doubts: Sequence[str]


def summary(cube: xr.Dataset) -> Summary:
    """The summary of a cube; findings carry their intervals."""
    baseline = json.loads(cube.attrs["baseline"])
    records = _records(cube, baseline)
    interaction, untold = _interaction(cube)
    found = [*_winners(records), *_matters(cube), *interaction, *_flip(cube), *_others(records)]
    return Summary(_study(cube, baseline), found[:FINDINGS], [*untold, *_doubts(records, cube)])


def _records(cube: xr.Dataset, baseline: Mapping[str, str]) -> list[dict[str, Any]]:
    """The cells with their names as `cell`; `anchor` says which are what the others of their host are compared with."""
    records: list[dict[str, Any]] = frame(cube).to_dict("records")
    departed = {**baseline, "hardware": anywhere(baseline["hardware"])}
    for row in records:
        stack = {layer: row[layer] for layer in LAYERS}
        row |= {"cell": label(row, baseline), "anchor": {**stack, "hardware": anywhere(row["hardware"])} == departed}
    return records


def _study(cube: xr.Dataset, baseline: Mapping[str, str]) -> list[str]:
    host = json.loads(cube.attrs["host"])
    layers = varied(cube)
    varying = [f"{layer} ({_options(cube, layer)})" for layer in layers]
    days = json.loads(cube.attrs["measured"])
    when = f" on {' and '.join(days[:1] + days[1:][-1:])}" if days else ""
    cores = f"{host['cores']} usable core{'s' if host['cores'] != 1 else ''}"
    return [
        f"Varied: {'; '.join(varying)}." if varying else "Nothing was varied: the cube holds the baseline alone.",
        "Everything is compared with the baseline: " + ", ".join(f"{k} {v}" for k, v in baseline.items()) + ".",
        _several(cube) or f"Measured on {host['cpu']} ({host['architecture']}, {cores}){when}.",
    ]


def _several(cube: xr.Dataset) -> str:
    """The hosts of a merged cube; nothing for one host."""
    hosts = json.loads(cube.attrs.get("hosts", "{}"))
    named = ", ".join(f"{name} ({host['cpu']})" for name, host in hosts.items())
    return (
        f"Measured on {len(hosts)} hosts: {named}. Each cell is compared with its own host's baseline: hosts are never "
        "paired."
        if len(hosts) > 1
        else ""
    )


def _options(cube: xr.Dataset, layer: str) -> str:
    texts = [str(text) for text in cube[layer].values]
    shown = ", ".join(texts[:_NAMED])
    return f"{len(texts)} options: {shown}{', …' if len(texts) > _NAMED else ''}"


def _winners(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    timed = [cell for cell in _others_of(cells) if cell["relative_latency"] > 0]
    hosts = dict.fromkeys(cell["at"] for cell in cells)
    own = {at: [cell for cell in timed if cell["at"] == at] for at in hosts}  # each by its own baseline
    found = [(at, sentence) for at in hosts for sentence in (_fastest(own[at]), _kept_accuracy(own[at])) if sentence]
    return [f"On {at or 'this host'}: {sentence}" if len(hosts) > 1 else sentence for at, sentence in found]


def _matters(cube: xr.Dataset) -> list[str]:
    """Which layers explain the latencies; nothing where the cube cannot tell."""
    try:
        return effects.sentences(effects.effects(cube, ["latency"]))[:1]
    except CubeError:
        return []


def _interaction(cube: xr.Dataset) -> tuple[list[str], list[str]]:
    """The strongest interaction of the two layers that vary most; or, beside it, why none can be told."""
    layers = varied(cube)
    if len(layers) < 2:
        return [], []
    try:
        found = interactions.interactions(cube, layers[0], layers[1])
    except CubeError:
        return [], []
    said = interactions.sentences(found)[:1]
    return ([], said) if found["ratio"].isna().all() else (said, [])


def _flip(cube: xr.Dataset) -> list[str]:
    """Where the best option of one layer changes with another."""
    for layer, across in permutations(varied(cube), 2):
        try:
            found = flips.rank_flips(cube, layer, across)
        except CubeError:
            continue
        if found["stands"].any():
            return flips.sentences(found)[:1]
    return []


def _others(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    others = _others_of(cells)
    timed = [cell for cell in others if cell["relative_latency"] > 0]
    found = [_lost(others), _smallest(others, cells), _verdicts(timed), *_remarks(timed)]
    return [sentence for sentence in found if sentence]


def _others_of(cells: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The cells that ended well, beside the baseline."""
    return [cell for cell in cells if not cell["anchor"] and cell["status"] == "ok"]


def _fastest(timed: Sequence[Mapping[str, Any]]) -> str:
    if not timed:
        return ""
    best, *rest = sorted(timed, key=lambda cell: float(cell["relative_latency"]))
    rivals = [cell["cell"] for cell in rest if cell["relative_latency_low"] <= best["relative_latency_high"]]
    words = f"The fastest cell is {best['cell']}: {_times(best)}."
    if not rivals:
        return words
    more = f" and {len(rivals) - 1} more" if len(rivals) > 1 else ""
    return f"{words} It is not certainly the fastest: the interval of {rivals[0]}{more} overlaps with its own."


def _times(cell: Mapping[str, Any]) -> str:
    """`2.49 [2.43, 2.56] times as fast as the baseline`."""
    ends = (1 / cell[f"relative_latency{end}"] for end in ("", "_high", "_low"))
    return f"{with_interval(*ends)} times as fast as the baseline"


def _kept_accuracy(timed: Sequence[Mapping[str, Any]]) -> str:
    """The fastest cell that certainly lost less than one percentage point, where it is not the fastest of all."""
    safe = [cell for cell in timed if cell["accuracy_change_low"] > -0.01]
    if not safe:
        return "No cell has certainly kept its accuracy within 1 pp of the baseline's." if _scored(timed) else ""
    best = min(safe, key=lambda cell: float(cell["relative_latency"]))
    return (
        f"Of those that certainly keep their accuracy within 1 pp, the fastest is {best['cell']}: {_times(best)}, "
        f"accuracy changed by {_points(best)}."
    )


def _scored(cells: Sequence[Mapping[str, Any]]) -> bool:
    return any(not math.isnan(cell["accuracy_change"]) for cell in cells)


def _points(cell: Mapping[str, Any]) -> str:
    return f"{with_interval(*(100 * cell[f'accuracy_change{end}'] for end in ('', '_low', '_high')))} pp"


def _verdicts(timed: Sequence[Mapping[str, Any]]) -> str:
    kinds = Counter(_kind(cell["verdict"]) for cell in timed)
    told = [f"{kinds[kind]} {kind}" for kind in ("faster", "slower", "the same", "inconclusive") if kinds[kind]]
    return f"Against the baseline, of {len(timed)} cells: {', '.join(told)}." if told else ""


def _kind(verdict: str) -> str:
    return "the same" if verdict.startswith("the same") else verdict


def _smallest(others: Sequence[Mapping[str, Any]], cells: Sequence[Mapping[str, Any]]) -> str:
    sized = [cell for cell in others if cell["size"] > 0]
    baseline = next((cell for cell in cells if cell["cell"] == "baseline" and cell["size"] > 0), None)
    if not sized or baseline is None:
        return ""
    least = min(sized, key=lambda cell: float(cell["size"]))
    if least["size"] >= baseline["size"]:
        return "No cell is smaller than the baseline."
    size, whole = (quantity(cell["size"], cell["size"], cell["size"], units=BYTES) for cell in (least, baseline))
    return f"The smallest executable is {least['cell']}: {size} instead of {whole}."


def _lost(others: Sequence[Mapping[str, Any]]) -> str:
    """The cell that certainly lost most accuracy."""
    lost = [cell for cell in others if cell["accuracy_change_high"] < 0]
    if not lost:
        return "No cell has certainly lost accuracy." if _scored(others) else ""
    worst = min(lost, key=lambda cell: float(cell["accuracy_change"]))
    return (
        f"Most accuracy lost {worst['cell']}: {_points(worst)}; {len(lost)} of {len(others)} cells certainly lost some."
    )


def _remarks(timed: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{cell['cell']}: {cell['remark']}." for cell in timed if cell["remark"]]


def _doubts(cells: Sequence[Mapping[str, Any]], cube: xr.Dataset) -> list[str]:
    margin = json.loads(cube.attrs["spec"])["measure"]["margin"]
    timed = [cell for cell in cells if cell["relative_latency"] > 0 and not cell["anchor"]]
    wide = sum(_half(cell) > margin for cell in timed)
    statuses = Counter(cell["status"] for cell in cells if cell["status"] != "ok")
    undecided = sum(cell["verdict"] == "inconclusive" for cell in timed)
    alone = sum(cell["processes"] == 1 for cell in timed)
    told = [
        f"{undecided} of {len(timed)} comparisons are inconclusive." if undecided else "",
        f"{wide} of {len(timed)} ratios are known less well than the ±{margin:.1%} that was asked for." if wide else "",
        f"{alone} cells were measured in one process only: what lies between processes is lent by others."
        if alone
        else "",
        f"Without figures: {', '.join(f'{count} {status}' for status, count in statuses.items())}." if statuses else "",
        "Latencies of other hosts, other threads or other loads may order the cells differently.",
    ]
    return [sentence for sentence in told if sentence]


def _half(cell: Mapping[str, Any]) -> float:
    return float((cell["relative_latency_high"] - cell["relative_latency_low"]) / 2 / cell["relative_latency"])
