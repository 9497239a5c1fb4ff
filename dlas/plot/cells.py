"""The measured cells of a cube as the charts draw them: one row each, in units that people read."""

import json
from typing import Any

import xarray as xr

from dlas.analysis.cells import varying_axes
from dlas.cube import frame, label
from dlas.errors import CubeError
from dlas.option import LAYERS
from dlas.rounding import TIMES

_ENDS = ("", "_low", "_high")
_PLAIN = ("status", "verdict", "technique")


def cells(cube: xr.Dataset) -> Any:
    """A pandas DataFrame of the `ok` cells that were measured or scored; raises CubeError where there are none.

    Columns: the six layers; `cell`, its name; `order` in the cube; with `_low` and `_high` `latency` (in the unit of
    `time_unit`), `ratio` (latency over the baseline's), `speedup`, `accuracy` (%) and `accuracy_change` (pp);
    `size` and `weights_size` (kB), `macs_ratio` (the baseline's multiply-adds over the cell's, of the whole batch),
    `level` (%), `half` (half-interval of the ratio, %).
    """
    table = frame(cube)
    table = table[(table["status"] == "ok") & (table["latency"].notna() | table["accuracy"].notna())]
    if table.empty:
        raise CubeError(
            "no cell of the cube has been measured well; `dlas run` its study, or `dlas remeasure` the cube"
        )
    baseline = json.loads(cube.attrs["baseline"])
    shown = table[[*LAYERS, *(name for name in _PLAIN if name in table)]].reset_index(drop=True)
    table = table.reset_index(drop=True)
    shown["cell"] = [label(row, baseline) for row in table[list(LAYERS)].to_dict("records")]
    shown["order"] = range(len(shown))
    for end in _ENDS:
        shown[f"latency{end}"] = table[f"latency{end}"] / time_unit(cube)[0]
        shown[f"ratio{end}"] = table[f"relative_latency{end}"]
        shown[f"accuracy{end}"] = 100 * table[f"accuracy{end}"]
        shown[f"accuracy_change{end}"] = 100 * table[f"accuracy_change{end}"]
    for end, source in zip(_ENDS, ("", "_high", "_low"), strict=True):
        shown[f"speedup{end}"] = 1 / table[f"relative_latency{source}"]
    shown["size"] = table["size"] / 1e3
    shown["weights_size"] = table["weights_size"] / 1e3
    shown["level"] = 100 * table["level"]
    shown["half"] = 50 * (shown["ratio_high"] - shown["ratio_low"]) / shown["ratio"]
    work = table["macs"] * table["batch"]
    shown["macs_ratio"] = _of_baseline(work, table, baseline) / work
    return shown


def time_unit(cube: xr.Dataset) -> tuple[float, str]:
    """Seconds and name of the unit that suits the cube's median latency."""
    median = float(cube["latency"].median())
    return next((unit for unit in TIMES if median >= unit[0]), TIMES[1])


def of_several_hosts(cube: xr.Dataset) -> bool:
    """Whether the cube was merged of several hosts' cubes, each with a baseline of its own."""
    return "at" in cube.coords and len(set(cube["at"].values.tolist())) > 1


def varied(cube: xr.Dataset) -> list[str]:
    """The layers that have more than one option, those with most options first."""
    return sorted(varying_axes(cube), key=lambda layer: -cube.sizes[layer])


def _of_baseline(values: Any, table: Any, baseline: dict[str, str]) -> float:
    """The baseline's value of a column; NaN where the table does not have the baseline."""
    same = (table[list(LAYERS)] == [baseline[layer] for layer in LAYERS]).all(axis=1)
    return float(values[same].iloc[0]) if same.any() else float("nan")
