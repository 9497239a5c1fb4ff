"""How well each cell is known: the noise floor of a cube."""

import json
from typing import TYPE_CHECKING

import xarray as xr

from dlas.plot.cells import cells, time_unit
from dlas.plot.encodings import colour, coloured, faint, rule, scale, shape, tooltip
from dlas.plot.theme import WIDTH, finished

if TYPE_CHECKING:
    import altair


def noise(cube: xr.Dataset, by: str | None = None) -> "altair.LayerChart":
    """Half-interval of each cell's ratio against its latency; above the dashed line the asked margin was missed."""
    import altair

    data = cells(cube)
    unit = time_unit(cube)[1]
    layer = coloured(cube, by)
    margin = 100 * float(json.loads(cube.attrs["spec"])["measure"]["margin"])
    base = (
        altair.Chart(data)
        .transform_filter("datum.half > 0 && isValid(datum.latency)")
        .encode(color=colour(cube, layer), tooltip=[*tooltip(("latency", f"latency ({unit})")), _half()])
    )
    x = altair.X("latency:Q", title=f"latency ({unit})", scale=scale(data["latency"]))
    y = altair.Y("half:Q", title="half-interval of the ratio (%)", scale=altair.Scale(zero=True))
    points = base.mark_point(filled=True, size=50).encode(x=x, y=y, shape=shape(cube, layer))
    spans = base.mark_rule(opacity=faint(data)).encode(x=altair.X("latency_low:Q"), x2="latency_high:Q", y=y)
    words = f"Scatter plot: how far each cell's latency ratio is known, against latency; {margin:g} % was asked for."
    layers = [rule(margin), spans, points]
    return finished(layers, f"{cube.attrs['title']}: noise floor", words, width=WIDTH, height=240)


def _half() -> "altair.Tooltip":
    import altair

    return altair.Tooltip("half:Q", title="half-interval (%)", format=".3~g")
