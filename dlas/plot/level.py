"""Speed-up against the level of a technique, such as the share of weights that were pruned."""

from typing import TYPE_CHECKING

import xarray as xr

from dlas.errors import CubeError
from dlas.plot.cells import cells, varied
from dlas.plot.encodings import colour, coloured, rule, scale, shape, tooltip
from dlas.plot.theme import WIDTH, finished

if TYPE_CHECKING:
    import altair


def level(cube: xr.Dataset, by: str | None = None) -> "altair.LayerChart":
    """Speed-up over the baseline against the level (%), one line for each technique and option of other layers."""
    import altair

    data = cells(cube)
    if data["level"].nunique() < 2:
        raise CubeError("a chart by level needs a technique at two levels; vary for example weight-prune@0.5:0.9:0.2")
    layer = coloured(cube, by, other_than="compression")
    x = altair.X("level:Q", title="level of the technique (%)", scale=altair.Scale(padding=12))
    y = altair.Y("speedup:Q", title="speed-up over the baseline", scale=scale(data["speedup"]))
    others = [name for name in varied(cube) if name != "compression"]
    base = (
        altair.Chart(data)
        .transform_filter("isValid(datum.level) && isValid(datum.speedup)")
        .encode(x=x, color=colour(cube, layer), tooltip=tooltip(("speedup", "speed-up")), detail=others)
    )
    lines = base.mark_line(opacity=0.6).encode(y=y, strokeDash=altair.StrokeDash("technique:N"))
    whiskers = base.mark_rule(size=2).encode(y=altair.Y("speedup_low:Q"), y2="speedup_high:Q")
    points = base.mark_point(filled=True, size=50).encode(y=y, shape=shape(cube, layer))
    words = f"Lines: speed-up over the baseline against the level of each technique, coloured by {layer}."
    layers = [rule(1.0), lines, whiskers, points]
    return finished(layers, f"{cube.attrs['title']}: speed-up against level", words, width=WIDTH, height=280)
