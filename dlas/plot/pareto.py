"""Accuracy against latency, with the front of what is not beaten in both."""

from typing import TYPE_CHECKING, Any

import xarray as xr

from dlas.plot.cells import cells, time_unit
from dlas.plot.encodings import colour, coloured, faint, scale, shape, shaped, tooltip
from dlas.plot.theme import RULE, WIDTH, finished

if TYPE_CHECKING:
    import altair


def pareto(cube: xr.Dataset, found: Any, by: str | None = None) -> "altair.LayerChart":
    """Every cell with both its intervals; the larger, the more probably on the front.

    `found` is the result of `dlas.analysis.pareto.pareto`. The stepped line joins the cells that are `on_front` there:
    by paired latencies where the cube has them, so that on the axes, which are absolute, it may dip within noise.
    """
    import altair

    data = cells(cube)
    unit = time_unit(cube)[1]
    layer = coloured(cube, by)
    x = altair.X("latency:Q", title=f"latency ({unit})", scale=scale(data["latency"]))
    y = altair.Y("accuracy:Q", title="accuracy (%)", scale=altair.Scale(zero=False, padding=12))
    base = (
        altair.Chart(data)
        .transform_filter("isValid(datum.latency) && isValid(datum.accuracy)")
        .transform_lookup(lookup="cell", from_=_places(found), default="0")
        .encode(tooltip=[*tooltip(("latency", f"latency ({unit})"), ("accuracy", "accuracy (%)")), _probability()])
    )
    crosses = base.mark_rule(opacity=faint(data)).encode(color=colour(cube, layer), x=x, y=y)
    points = base.mark_point(filled=True, opacity=0.9).encode(x=x, y=y, color=colour(cube, layer))
    second = shaped(cube, layer)
    layers = [
        _front(base, x, y),
        crosses.encode(x=altair.X("latency_low:Q"), x2="latency_high:Q"),
        crosses.encode(y=altair.Y("accuracy_low:Q"), y2="accuracy_high:Q"),
        points.encode(shape=shape(cube, second), size=_size()),
    ]
    words = f"Scatter plot: accuracy against latency of {len(data)} cells; up and to the left is better."
    return finished(layers, f"{cube.attrs['title']}: accuracy against latency", words, width=WIDTH, height=300)


def _places(found: Any) -> "altair.LookupData":
    import altair

    fields = ["probability", "on_front"]
    return altair.LookupData(found[["cell", *fields]], key="cell", fields=fields)


def _probability() -> "altair.Tooltip":
    import altair

    return altair.Tooltip("probability:Q", title="probability of being on the front", format=".2f")


def _size() -> "altair.Size":
    import altair

    return altair.Size("probability:Q", scale=altair.Scale(domain=[0, 1], range=[30, 220]), legend=None)


def _front(base: "altair.Chart", x: Any, y: Any) -> "altair.Chart":
    """The cells on the front that are shown, from the quickest to the slowest."""
    line: altair.Chart = (
        base.transform_filter("datum.on_front === true")  # cells that were not looked up have "0"
        .mark_line(interpolate="step-after", color=RULE, strokeDash=[2, 2])
        .encode(x=x, y=y, order="latency:Q")
    )
    return line
