"""The table of a cube as people read it: numbers with intervals and units, never more digits than these allow."""

import json
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import xarray as xr

from dlas.cube import baseline_of, frame
from dlas.measure.noise import Glance, too_noisy
from dlas.option import LAYERS
from dlas.stack import Stack
from dlas.study.spec import Measure

HEADINGS = ("option", "accuracy %", "latency", "speed-up", "verdict", "size", "status", "remark")
_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))

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
        quantity(cell["latency"], cell["latency_low"], cell["latency_high"], units=_TIMES),
        _speed_up(cell),
        cell["verdict"],
        quantity(size, size, size, units=_BYTES),
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


def with_interval(value: float, low: float, high: float) -> str:
    """`98.9 [97.7, 99.5]`, with the decimals that the interval allows; empty for NaN."""
    if math.isnan(value):
        return ""
    decimals = decimals_for((high - low) / 2)
    return f"{value:.{decimals}f} [{low:.{decimals}f}, {high:.{decimals}f}]"


def decimals_for(half: float) -> int:
    """Decimals for a half-interval: two of its digits if the first is 1 or 2, else one."""
    if not half > 0 or not math.isfinite(half):
        return 2
    exact = Decimal(repr(half))
    digits = 2 if exact.as_tuple().digits[0] < 3 else 1
    return min(9, max(0, digits - 1 - exact.adjusted()))


def quantity(value: float, low: float, high: float, *, units: tuple[tuple[float, str], ...]) -> str:
    """A quantity with its interval in the unit that suits its size; empty for NaN."""
    if math.isnan(value):
        return ""
    scale, unit = next(((s, u) for s, u in units if float(f"{abs(value):.3g}") >= s), units[-1])
    if low == high:
        return f"{value / scale:.3g} {unit}"
    return f"{with_interval(value / scale, low / scale, high / scale)} {unit}"


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
