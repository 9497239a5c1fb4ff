"""How the time of tuned kernels fell while schedules were searched."""

import json
from typing import TYPE_CHECKING, Any

import xarray as xr

from dlas.cube import frame, label
from dlas.errors import CubeError
from dlas.option import LAYERS
from dlas.plot.encodings import colour, coloured
from dlas.plot.theme import WIDTH, finished

if TYPE_CHECKING:
    import altair


def tuning(cube: xr.Dataset, by: str | None = None) -> "altair.LayerChart":
    """The share of the default's time that the best kernels take after so many trials, a stair for each tuned cell."""
    import altair

    data = _curves(cube)
    layer = coloured(cube, by, other_than="codegen")
    base = altair.Chart(data).encode(
        x=altair.X("trials:Q", title="trials"),
        y=altair.Y("share:Q", title="time of the best kernels (% of the default's)", scale=altair.Scale(zero=False)),
        color=colour(cube, layer),
        detail="cell:N",
        tooltip=[altair.Tooltip("cell:N"), altair.Tooltip("trials:Q"), altair.Tooltip("share:Q", format=".4~g")],
    )
    layers = [base.mark_line(interpolate="step-after"), base.mark_point(filled=True, size=30)]
    words = f"Stairs: time of the best kernels found after so many trials, {data['cell'].nunique()} tuned cells."
    return finished(layers, f"{cube.attrs['title']}: tuning", words, width=WIDTH, height=280)


def _curves(cube: xr.Dataset) -> Any:
    """A row for each gain; the last point of a stair is at the last trial."""
    import pandas

    table, baseline = frame(cube), json.loads(cube.attrs["baseline"])
    tuned = table[table["tune_curve"] != ""] if "tune_curve" in table else table.iloc[:0]
    if tuned.empty:
        raise CubeError("no cell of the cube was tuned; add codegen=tvm@schedule=tuned")
    rows = []
    for cell in tuned.to_dict("records"):
        points = json.loads(cell["tune_curve"])
        points.append((cell["tune_trials"], points[-1][1]))
        named = {**{name: cell[name] for name in LAYERS}, "cell": label(cell, baseline)}
        rows += [{**named, "trials": int(trials), "share": 100 * share} for trials, share in points]
    return pandas.DataFrame(rows)
