"""The table of a cube as people read it: numbers with intervals and units, never more digits than these allow."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import xarray as xr

from dlas.cube import frame, label
from dlas.measure.noise import Glance, too_noisy
from dlas.rounding import BYTES, TIMES, quantity, with_interval
from dlas.study.spec import Measure
from dlas.study.warnings import kind, severity

HEADINGS = ("option", "accuracy %", "latency", "speed-up", "verdict", "size", "status", "remark")

Row = Mapping[str, Any]
SORTS: Mapping[str, Callable[[Row], float]] = {
    "latency": lambda row: _last(row["latency"]),
    "accuracy": lambda row: _last(-row["accuracy"]),
    "size": lambda row: _last(row["size"]),
    "speed-up": lambda row: _last(row["relative_latency"]),
}


def rows(cube: xr.Dataset, sort: str | None = None) -> list[dict[str, str]]:
    """One row of texts a cell, the baseline first unless sorted by one of `SORTS`."""
    baseline = json.loads(cube.attrs["baseline"])
    cells = frame(cube).to_dict("records")
    if sort:
        cells.sort(key=SORTS[sort])
    return [_row(cell, baseline) for cell in cells]


def _row(cell: Row, baseline: Mapping[str, str]) -> dict[str, str]:
    size = cell["size"]
    texts = (
        label(cell, baseline),
        with_interval(100 * cell["accuracy"], 100 * cell["accuracy_low"], 100 * cell["accuracy_high"]),
        quantity(cell["latency"], cell["latency_low"], cell["latency_high"], units=TIMES),
        _speed_up(cell),
        cell["verdict"],
        quantity(size, size, size, units=BYTES),
        cell["status"],
        cell["remark"] or cell["reason"],
    )
    return dict(zip(HEADINGS, texts, strict=True))


def _speed_up(cell: Row) -> str:
    low, high = cell["relative_latency_low"], cell["relative_latency_high"]
    if math.isnan(cell["relative_latency"]):
        return ""
    if low == high:  # the baseline itself
        return "1"
    return with_interval(1 / cell["relative_latency"], 1 / high, 1 / low) + "×"


def warnings(cube: xr.Dataset) -> list[str]:
    """The warnings of a cube's cells: one of each kind, the worst, with how many cells it is about."""
    baseline = json.loads(cube.attrs["baseline"])
    kinds: dict[str, list[tuple[float, str, str]]] = {}
    cells = [cell for cell in frame(cube).to_dict("records") if cell["latency"] > 0]
    for cell in cells:
        for sentence in cell["warning"].splitlines():
            told = (severity(sentence), label(cell, baseline), sentence)
            kinds.setdefault(kind(sentence), []).append(told)
    return [_warning(found, len(cells)) for found in kinds.values()]


def notes(cube: xr.Dataset) -> list[str]:
    """What must be known of a cube as a whole: measured where and when, if not in one place and on one day."""
    told = {name: json.loads(cube.attrs.get(name, "null")) for name in ("hosts", "measured", "other_hosts", "noise")}
    sentences = []
    if len(told["hosts"] or ()) > 1:
        places = ", ".join(f"{name or 'here'} ({host['cpu']})" for name, host in told["hosts"].items())
        sentences.append(f"measured on {len(told['hosts'])} hosts, which are not compared: {places}")
    if len(told["measured"] or ()) > 1:
        sentences.append(f"measured on {len(told['measured'])} days: {', '.join(told['measured'])}")
    if told["other_hosts"]:
        others = ", ".join(told["other_hosts"])
        sentences.append(f"the journal also holds figures of other hosts ({others}); they are not shown")
    asked = Measure(**json.loads(cube.attrs["spec"])["measure"])
    for name, seen in (told["noise"] or {}).items():
        noisy = too_noisy(Glance(**seen), asked.margin, asked.budget, asked.processes)
        sentences += [f"{name or 'here'}: {noisy}"] if noisy else []
    return sentences


def _warning(found: list[tuple[float, str, str]], cells: int) -> str:
    _, name, sentence = max(found)
    others = f" (worst of {len(found)} of {cells} cells)" if len(found) > 1 else ""
    return f"{name}{others}: {sentence}"


def markdown(cube: xr.Dataset, sort: str | None = None) -> str:
    """The table in GitHub's Markdown."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *(list(row.values()) for row in rows(cube, sort))]
    return "\n".join("| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines)


def _last(value: float) -> float:
    """Cells without the figure come last."""
    return math.inf if math.isnan(value) else value
