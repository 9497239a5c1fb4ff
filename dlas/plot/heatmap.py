"""Two layers against each other, the others as in the baseline."""

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from dlas.errors import CubeError
from dlas.option import LAYERS
from dlas.plot.cells import cells
from dlas.plot.encodings import checked, coloured, options, tooltip
from dlas.plot.theme import DIVERGING, WIDTH, finished

if TYPE_CHECKING:
    import altair

_READABLE = 8  # columns in which numbers still have room
_LINES = r"split(replace(datum.label, regexp('[@,]', 'g'), '\n$&'), '\n')"  # an option's parameters below its name
# Variable → column, title, how far its colour is from no change, how its number is written.
_PANELS = {
    "speedup": ("speedup", "speed-up over the baseline", "log(datum.speedup)", ".3~g"),
    "accuracy_change": ("accuracy_change", "accuracy minus the baseline's (pp)", "datum.accuracy_change", "+.2~f"),
}


def heatmap(
    cube: xr.Dataset, a: str | None = None, b: str | None = None, variable: str = "speedup"
) -> "altair.LayerChart":
    """Colour and number for each pair of options of layers `a` and `b`, the interval below the number."""
    import altair

    if variable not in _PANELS:
        raise CubeError(f"a heat map of {variable!r} is not offered; choose one of {', '.join(_PANELS)}")
    column, title, distance, form = _PANELS[variable]
    down = checked(cube, a)
    across = coloured(cube, b, other_than=down)
    low, high = f"datum.{column}_low", f"datum.{column}_high"
    text = f"{low} === {high} ? '' : format({low}, '{form}') + ' to ' + format({high}, '{form}')"
    data = cells(cube)
    furthest = _furthest(data[column], column)
    base = (
        altair.Chart(data)
        .transform_filter(f"isValid(datum.{column}) && {beside(cube, down, across)}")
        .transform_calculate(distance=distance, interval=text)
        .encode(
            x=altair.X(f"{across}:N", sort=options(cube, across), axis=altair.Axis(labelAngle=0, labelExpr=_LINES)),
            y=altair.Y(f"{down}:N", sort=options(cube, down)),
            tooltip=tooltip((column, title)),
        )
    )
    # Letters on a filled field: the field's own colour decides, not the page's.
    ink = (
        altair.when(f"abs(datum.distance) > {0.6 * furthest}")
        .then(altair.value("white"))
        .otherwise(altair.value("black"))
    )
    numbers = base.mark_text(dy=-6, fontSize=12).encode(text=altair.Text(f"{column}:Q", format=form), color=ink)
    intervals = base.mark_text(dy=8, fontSize=9).encode(text="interval:N", color=ink)
    colours = altair.Scale(scheme=DIVERGING, domain=[-furthest, 0, furthest])
    fill = altair.Color("distance:Q", scale=colours, legend=None)
    words = f"Heat map: {title} for each {down} (rows) and {across} (columns), other layers as in the baseline."
    texts = [numbers, intervals] if cube.sizes[across] <= _READABLE else []
    layers = [base.mark_rect().encode(color=fill), *texts]
    return finished(layers, f"{cube.attrs['title']}: {title}", words, width=WIDTH, height={"step": 36})


def beside(cube: xr.Dataset, *layers: str) -> str:
    """The condition that all other layers are as in the baseline."""
    baseline = json.loads(cube.attrs["baseline"])
    others = [layer for layer in LAYERS if layer not in layers]
    return " && ".join(f"datum.{layer} === {json.dumps(baseline[layer])}" for layer in others)


def _furthest(values: Any, column: str) -> float:
    """The largest distance from no change, so that both directions have colours of equal strength."""
    known = values.dropna()
    distances = np.abs(np.log(known) if column == "speedup" else known)
    return float(distances.max()) or 1.0 if len(known) else 1.0
