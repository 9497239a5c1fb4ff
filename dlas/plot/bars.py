"""Bars with intervals, one for each cell."""

from typing import TYPE_CHECKING, Literal

import xarray as xr

from dlas.errors import CubeError
from dlas.plot.cells import cells, time_unit
from dlas.plot.encodings import colour, coloured, tooltip
from dlas.plot.theme import WIDTH, finished

if TYPE_CHECKING:
    import altair

_LINE = 12  # pixels

# Variable of the cube → column of the cells, title, whether a longer bar is better.
_PANELS = {
    "latency": ("latency", "latency ({time})", False),
    "relative_latency": ("ratio", "latency over the baseline's", False),
    "speedup": ("speedup", "speed-up over the baseline", True),
    "accuracy": ("accuracy", "accuracy (%)", True),
    "size": ("size", "executable (kB)", False),
    "weights_size": ("weights_size", "weights (kB)", False),
}


def bars(cube: xr.Dataset, variable: str = "latency", by: str | None = None, most: int = 40) -> "altair.LayerChart":
    """Bars with 95 % intervals (sizes have none), coloured by the layer `by`; of many cells the `most` best."""
    import altair

    if variable not in _PANELS:
        raise CubeError(f"bars of {variable!r} are not offered; choose one of {', '.join(_PANELS)}")
    column, title, more = _PANELS[variable]
    title = title.format(time=time_unit(cube)[1])
    data = cells(cube)
    order = altair.EncodingSortField("order", op="min")
    # A line for each layer of the name, so that long names leave room for the bars.
    axis = altair.Axis(labelExpr="split(datum.label, ' ')", labelLineHeight=_LINE)
    height = {"step": _LINE * (2 + int(data["cell"].str.count(" ").max()))}
    best: Literal["ascending", "descending"] = "descending" if more else "ascending"
    base = (
        altair.Chart(data)
        .transform_filter(f"isValid(datum.{column})")
        .transform_window(place="row_number()", sort=[altair.SortField(column, order=best)])
        .transform_filter(f"datum.place <= {most}")
        .encode(
            y=altair.Y("cell:N", sort=order, title=None, axis=axis),
            color=colour(cube, coloured(cube, by)).legend(None),
            tooltip=_shown(column),
        )
    )
    body = base.mark_bar(height={"band": 0.6}, fillOpacity=0.35).encode(x=altair.X(f"{column}:Q", title=title))
    value = base.mark_tick(thickness=2, bandSize=12).encode(x=f"{column}:Q")
    whiskers = [] if column.endswith("size") else [_whisker(base, column)]
    shown = f"{cube.attrs['title']}: {title}"
    count = int(data[column].notna().sum())
    some = f"the best {most} of {count} cells" if count > most else f"{count} cells"
    return finished([body, *whiskers, value], shown, f"Bars: {title} of {some}.", width=WIDTH, height=height)


def _whisker(base: "altair.Chart", column: str) -> "altair.Chart":
    import altair

    whisker: altair.Chart = base.mark_rule(size=2).encode(x=altair.X(f"{column}_low:Q"), x2=f"{column}_high:Q")
    return whisker


def _shown(column: str) -> "list[altair.Tooltip]":
    import altair

    if column.endswith("size"):
        return [altair.Tooltip("cell:N"), altair.Tooltip(f"{column}:Q", title="kB", format=".4~g")]
    return tooltip((column, column))
