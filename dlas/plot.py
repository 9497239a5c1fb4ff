"""Pictures of a cube (Altair); each takes a cube and gives a chart that can be saved as HTML, SVG or PNG."""

from typing import TYPE_CHECKING, Any

import xarray as xr

from dlas.cube import baseline_of, frame
from dlas.errors import CubeError
from dlas.option import LAYERS
from dlas.stack import Stack

if TYPE_CHECKING:
    import altair

# Variable → factor, title; what people want to see beside each other.
_PANELS = {
    "latency": (1e6, "latency (µs)"),
    "relative_latency": (1.0, "latency over the baseline's"),
    "accuracy": (100.0, "accuracy (%)"),
    "weights_size": (1e-3, "weights (kB)"),
}


def bars(cube: xr.Dataset, variable: str = "latency", by: str | None = None) -> "altair.Chart":
    """Bars with 95 % intervals, one for each measured cell, coloured by the layer `by` (the first that varies)."""
    import altair

    if variable not in _PANELS:
        raise CubeError(f"bars of {variable!r} are not offered; choose one of {', '.join(_PANELS)}")
    factor, title = _PANELS[variable]
    colour = by or next((layer for layer in LAYERS if cube.sizes[layer] > 1), LAYERS[0])
    data = _measured(cube, variable, factor)
    # Altair wants the whole label, and the order of the cube rather than of the alphabet.
    axis = altair.Y("cell:N", sort=list(data["cell"]), title=None, axis=altair.Axis(labelLimit=420))
    figures = [altair.Tooltip(name, format=".4g") for name in ("value", "low", "high")]
    base = altair.Chart(data).encode(y=axis, tooltip=[altair.Tooltip("cell"), *figures])
    body = base.mark_bar(height={"band": 0.6}).encode(
        x=altair.X("value:Q", title=title), color=altair.Color(f"{colour}:N", sort=list(dict.fromkeys(data[colour])))
    )
    whiskers = base.mark_rule(size=2, color="black").encode(x=altair.X("low:Q"), x2="high:Q")
    chart: altair.Chart = (body + whiskers).properties(width=420, height={"step": 26}, title=cube.attrs["title"])
    return chart


def _measured(cube: xr.Dataset, variable: str, factor: float) -> Any:
    """The cells that have the variable, with what the chart shows as columns."""
    table = frame(cube)
    table = table[table[variable].notna()]
    baseline = baseline_of(cube)
    stacks = [Stack(**dict(zip(LAYERS, row, strict=True))) for row in table[list(LAYERS)].itertuples(index=False)]
    ends = [name if name in table else variable for name in (f"{variable}_low", f"{variable}_high")]
    shown = table[list(LAYERS)].copy()
    shown["cell"] = [stack.difference(baseline) for stack in stacks]
    for name, column in zip(("value", "low", "high"), (variable, *ends), strict=True):
        shown[name] = table[column] * factor
    return shown
