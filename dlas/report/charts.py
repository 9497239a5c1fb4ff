"""Which charts a report shows, and what is said beside each; their data once for all of them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import xarray as xr

from dlas.analysis.roofline import roofline, stored_peak
from dlas.errors import CubeError
from dlas.plot import Plots
from dlas.plot.cells import cells, varied
from dlas.plot.theme import INK, config

DIGITS = 6  # significant ones that a number in the page has


@dataclass(frozen=True)
class Figure:
    """A chart of the page: its heading, how to read it, what a screen reader says, its Vega-Lite specification."""

    name: str
    title: str
    caption: str
    description: str
    spec: dict[str, Any]


@dataclass(frozen=True)
class _Offer:
    name: str
    title: str
    caption: str
    layers: int  # that must vary for the chart to say anything
    draw: Callable[[Plots], Any]


def _clearest(plots: Plots) -> Any:
    """The change of rank of the first pair of layers that has one."""
    for layer, across in permutations(varied(plots.cube), 2):
        try:
            return plots.flips(layer, across)
        except CubeError:
            continue
    raise CubeError("no change of rank stands")


def _under_the_roof(plots: Plots) -> Any:
    kept = stored_peak(plots.cube)
    if kept is None:
        raise CubeError("the peaks of the cube's host are not known")
    return plots.roofline(roofline(plots.cube, kept.gflops, kept.bandwidth))


_OFFERS = (
    _Offer(
        "pareto",
        "Accuracy against latency",
        "Up and to the left is better. The dotted line joins the cells that no other beats in both; the larger a "
        "point, the more probably it is on that front.",
        0,
        lambda plots: plots.pareto(),
    ),
    _Offer(
        "bars",
        "Speed-up of each cell",
        "Longer is faster. The dark line is the 95 % interval. Of many cells the fastest 20 are shown.",
        0,
        lambda plots: plots.bars("speedup", most=20),
    ),
    _Offer(
        "heatmap",
        "Two layers against each other: speed-up",
        "Orange is faster than the baseline, purple slower; below each number its 95 % interval. Other layers are as "
        "in the baseline.",
        2,
        lambda plots: plots.heatmap(),
    ),
    _Offer(
        "interaction",
        "Does one layer change the effect of the other?",
        "Lower is faster. Parallel lines: the layers do not interact. Lines that cross: the best option of one layer "
        "depends on the other.",
        2,
        lambda plots: plots.interaction(),
    ),
    _Offer(
        "flips",
        "The clearest change of the best option",
        "The two strong lines change places: which of the two options is best depends on the other layer.",
        2,
        _clearest,
    ),
    _Offer(
        "level",
        "Speed-up against the level of a technique",
        "Above the dashed line a cell is faster than the baseline. A flat line: a higher level brings no speed.",
        1,
        lambda plots: plots.level(),
    ),
    _Offer(
        "expected",
        "Promised and measured speed-up",
        "Multiply-adds promise the dashed line. Below it a cell gained less than its multiply-adds promise.",
        1,
        lambda plots: plots.expected(),
    ),
    _Offer(
        "noise",
        "How well each cell is known",
        "Lower is better known. Cells above the dashed line missed the margin that was asked for.",
        0,
        lambda plots: plots.noise(),
    ),
    _Offer(
        "roofline",
        "What the processor could do",
        "The line is the roof: what one thread can reach in arithmetic, and towards the left what memory lets it. Far "
        "below it a kernel leaves the processor idle. Bytes are those of the weights alone.",
        0,
        _under_the_roof,
    ),
    _Offer(
        "tuning",
        "What the search for schedules brought",
        "Lower is faster. Each stair is a tuned cell; where it stays at 100 % nothing better was found.",
        0,
        lambda plots: plots.tuning(),
    ),
)


def figures(cube: xr.Dataset) -> list[Figure]:
    """The charts that say something about this cube."""
    count = len(varied(cube))
    found = [_figure(offer, cube) for offer in _OFFERS if count >= offer.layers]
    return [figure for figure in found if figure]


def _figure(offer: _Offer, cube: xr.Dataset) -> Figure | None:
    try:
        chart = offer.draw(Plots(cube))
    except CubeError:  # the cube has nothing that this chart shows
        return None
    spec = chart.to_dict(validate=False)  # checked when it was made
    for key in ("title", "config", "width"):  # the page has headings, colours and a width of its own
        spec.pop(key, None)
    return Figure(offer.name, offer.title, offer.caption, spec["description"], spec)


def shared_data(figures: Sequence[Figure]) -> dict[str, dict[str, list[Any]]]:
    """Data by name, each once and by column; taken out of the charts' specifications."""
    tables = {name: rows for figure in figures for name, rows in figure.spec.pop("datasets", {}).items()}
    return {name: columnar(rows) for name, rows in tables.items()}


def columnar(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows as columns, numbers shortened; the page is half as large."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [shortened(row.get(name)) for row in rows] for name in names}


def shortened(value: Any) -> Any:
    """A number with so many digits as the page keeps; NaN is null in JSON."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.{DIGITS}g}") if abs(value) < float("inf") else None


def page_config() -> dict[str, Any]:
    """The theme, with letters and axes in the page's own colour, on its own ground."""
    themed = json.loads(json.dumps(config()).replace(INK, "currentColor"))
    below = {"bottom": {"anchor": "start", "direction": "vertical", "bounds": "full"}}  # Vega's own, not Vega-Lite's
    themed["legend"]["layout"] = below
    return {**themed, "background": "transparent"}


def has_charts(cube: xr.Dataset) -> bool:
    """Whether anything was measured that a chart could show."""
    try:
        return len(cells(cube)) > 0
    except CubeError:
        return False
