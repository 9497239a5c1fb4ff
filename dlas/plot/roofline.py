"""Speed of each cell under the roof that the host's peak and bandwidth build."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from dlas.plot.encodings import colour, coloured, shape, tooltip
from dlas.plot.theme import RULE, WIDTH, finished

if TYPE_CHECKING:
    import altair


def roofline(cube: xr.Dataset, found: Any, by: str | None = None) -> "altair.LayerChart":
    """The result of `dlas.analysis.roofline.roofline` as points with intervals, below the roof."""
    import altair

    layer = coloured(cube, by)
    x = altair.X("intensity:Q", title="intensity (operations a byte of weights)").scale(
        type="log", nice=False, padding=12
    )
    y = altair.Y("speed:Q", title="speed (GFLOP/s)").scale(type="log", nice=False, padding=12)
    base = altair.Chart(found).encode(x=x, color=colour(cube, layer), tooltip=tooltip(("speed", "GFLOP/s")))
    whiskers = base.mark_rule(size=2, opacity=0.6).encode(y=altair.Y("speed_low:Q"), y2="speed_high:Q")
    points = base.mark_point(filled=True, size=60).encode(y=y, shape=shape(cube, layer))
    peaks = f"{found.attrs['gflops']:.3g} GFLOP/s and {found.attrs['bandwidth']:.3g} GB/s"
    words = f"Scatter plot: speed against arithmetic intensity of {len(found)} cells; the roof is {peaks}."
    layers = [_roof(found), whiskers, points]
    return finished(layers, f"{cube.attrs['title']}: under the roof of {peaks}", words, width=WIDTH, height=300)


def _roof(found: Any) -> "altair.Chart":
    """The lesser of peak and intensity times bandwidth, with the ridge inside the chart."""
    import altair

    gflops, bandwidth = found.attrs["gflops"], found.attrs["bandwidth"]
    ridge = gflops / bandwidth
    ends = np.array([min(found["intensity"].min(), ridge / 2), ridge, max(found["intensity"].max(), ridge * 2)])
    rows = [{"intensity": float(i), "speed": float(min(gflops, i * bandwidth))} for i in ends]
    line: altair.Chart = (
        altair.Chart(altair.InlineData(rows)).mark_line(color=RULE, size=2).encode(x="intensity:Q", y="speed:Q")
    )
    return line
