"""The table of a cube as people read it: numbers with intervals and units, never more digits than these allow."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import xarray as xr

from dlas.cube import baseline_of, frame
from dlas.option import LAYERS
from dlas.rounding import BYTES, TIMES, quantity, with_interval
from dlas.stack import Stack

HEADINGS = ("option", "accuracy %", "latency", "speed-up", "verdict", "size", "status", "remark")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")

Row = Mapping[str, Any]
SORTS: Mapping[str, Callable[[Row], float]] = {
    "latency": lambda row: _last(row["latency"]),
    "accuracy": lambda row: _last(-row["accuracy"]),
    "size": lambda row: _last(row["size"]),
    "speed-up": lambda row: _last(row["relative_latency"]),
}


def rows(cube: xr.Dataset, sort: str | None = None) -> list[dict[str, str]]:
    """One row of texts a cell, the baseline first unless sorted by one of `SORTS`."""
    baseline = baseline_of(cube)
    cells = frame(cube).to_dict("records")
    if sort:
        cells.sort(key=SORTS[sort])
    return [_row(cell, baseline) for cell in cells]


def _row(cell: Row, baseline: Stack) -> dict[str, str]:
    label = Stack(**{layer: cell[layer] for layer in LAYERS}).difference(baseline)
    size = cell["size"]
    texts = (
        label,
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
    baseline = baseline_of(cube)
    kinds: dict[str, list[tuple[float, str, str]]] = {}
    cells = [cell for cell in frame(cube).to_dict("records") if cell["latency"] > 0]
    for cell in cells:
        label = Stack(**{layer: cell[layer] for layer in LAYERS}).difference(baseline)
        for sentence in cell["warning"].splitlines():
            numbers = [float(number) for number in _NUMBER.findall(sentence)]
            kinds.setdefault(_NUMBER.sub("", sentence), []).append((max(numbers, default=0.0), label, sentence))
    return [_warning(found, len(cells)) for found in kinds.values()]


def _warning(found: list[tuple[float, str, str]], cells: int) -> str:
    _, label, sentence = max(found)
    others = f" (worst of {len(found)} of {cells} cells)" if len(found) > 1 else ""
    return f"{label}{others}: {sentence}"


def markdown(cube: xr.Dataset, sort: str | None = None) -> str:
    """The table in GitHub's Markdown."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *(list(row.values()) for row in rows(cube, sort))]
    return "\n".join("| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines)


def _last(value: float) -> float:
    """Cells without the figure come last."""
    return math.inf if math.isnan(value) else value
