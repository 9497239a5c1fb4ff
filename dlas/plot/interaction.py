"""How one layer changes the effect of another: lines that are not parallel."""

from typing import TYPE_CHECKING

import xarray as xr

from dlas.plot.cells import cells
from dlas.plot.encodings import checked, colour, coloured, options, rule, shape, tooltip
from dlas.plot.heatmap import beside
from dlas.plot.theme import WIDTH, finished

if TYPE_CHECKING:
    import altair


def interaction(cube: xr.Dataset, a: str | None = None, b: str | None = None) -> "altair.LayerChart":
    """Latency over the baseline's for each option of `a`, one line for each option of `b`, other layers as in the
    baseline.

    On the logarithmic axis parallel lines mean that the two layers do not interact.
    """
    import altair

    along = checked(cube, a)
    line = coloured(cube, b, other_than=along)
    title = "latency over the baseline's"
    y = altair.Y("ratio:Q", title=title, scale=altair.Scale(type="log", nice=False, padding=12))
    base = (
        altair.Chart(cells(cube))
        .transform_filter(f"isValid(datum.ratio) && {beside(cube, along, line)}")
        .encode(
            x=altair.X(f"{along}:N", sort=options(cube, along), axis=altair.Axis(labelAngle=-30)),
            xOffset=altair.XOffset(f"{line}:N", sort=options(cube, line), scale=altair.Scale(padding=6)),
            color=colour(cube, line),
            tooltip=tooltip(("ratio", title)),
        )
    )
    whiskers = base.mark_rule(size=2).encode(y=altair.Y("ratio_low:Q"), y2="ratio_high:Q")
    points = base.mark_point(filled=True, size=50).encode(y=y, shape=shape(cube, line))
    words = f"Lines: {title} for each {along}, one line for each {line}; parallel lines mean no interaction."
    layers = [rule(1.0), base.mark_line(opacity=0.6).encode(y=y), whiskers, points]
    return finished(layers, f"{cube.attrs['title']}: {along} by {line}", words, width=WIDTH, height=280)
