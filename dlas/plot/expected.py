"""What fewer multiply-adds promise against what was measured."""

from typing import TYPE_CHECKING, Any

import xarray as xr

from dlas.errors import CubeError
from dlas.plot.cells import cells
from dlas.plot.encodings import colour, coloured, faint, shape, shaped, tooltip
from dlas.plot.theme import RULE, WIDTH, finished

if TYPE_CHECKING:
    import altair


def expected(cube: xr.Dataset, by: str | None = None) -> "altair.LayerChart":
    """Measured speed-up against the ratio of multiply-adds; below the diagonal a cell gained less than promised."""
    import altair

    data = cells(cube)
    if data["macs_ratio"].nunique() < 2:
        raise CubeError("all cells have as many multiply-adds as the baseline; vary a model or channel-prune")
    layer = coloured(cube, by, other_than="compression")
    logarithmic = altair.Scale(type="log", nice=False, padding=12)
    x = altair.X("macs_ratio:Q", title="expected speed-up (ratio of multiply-adds)")
    y = altair.Y("speedup:Q", title="measured speed-up over the baseline", scale=logarithmic)
    base = (
        altair.Chart(data)
        .transform_filter("isValid(datum.speedup) && isValid(datum.macs_ratio)")
        .encode(x=x.scale(logarithmic), color=colour(cube, layer), tooltip=_tooltip())
    )
    second = shaped(cube, layer)
    whiskers = base.mark_rule(size=2, opacity=faint(data)).encode(y=altair.Y("speedup_low:Q"), y2="speedup_high:Q")
    points = base.mark_point(filled=True, size=60).encode(y=y, shape=shape(cube, second))
    words = "Scatter plot: measured speed-up against what multiply-adds promise; on the diagonal the promise is kept."
    layers = [_diagonal(data["macs_ratio"]), whiskers, points]
    return finished(layers, f"{cube.attrs['title']}: promised and measured", words, width=WIDTH, height=300)


def _tooltip() -> "list[altair.Tooltip]":
    import altair

    return [*tooltip(("speedup", "speed-up")), altair.Tooltip("macs_ratio:Q", title="expected", format=".4~g")]


def _diagonal(ratios: Any) -> "altair.Chart":
    import altair

    ends = [{"macs_ratio": float(end), "speedup": float(end)} for end in (ratios.min(), ratios.max())]
    line: altair.Chart = (
        altair.Chart(altair.InlineData(ends))
        .mark_line(strokeDash=[4, 4], color=RULE)
        .encode(x="macs_ratio:Q", y="speedup:Q")
    )
    return line
