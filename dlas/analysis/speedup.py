"""How much faster every cell is than another option of one layer, or than the baseline."""

import numpy as np
import xarray as xr

from dlas.analysis import cells
from dlas.analysis.quantities import change, ended_well, find, flat
from dlas.cube import select
from dlas.errors import CubeError
from dlas.option import LAYERS


def speedup(cube: xr.Dataset, over: str | None = None) -> xr.Dataset:
    """Speed-up of each cell with its 95 % interval (`speedup`, `speedup_low`, `speedup_high`; dimensionless).

    `over="codegen=openvino"` compares each cell with the one that differs from it in that layer only; without it
    with the baseline. Both cells were paired with the baseline of their block: log-ratios subtract, and their
    variances add. Cells on another host than the one compared with have none, nor have those of which either cell did
    not end well.
    """
    well = cube["status"] == "ok"
    logs = _log(cube["relative_latency"].where(well))
    half = (_log(cube["relative_latency_high"]) - _log(cube["relative_latency_low"])) / 2
    if over is not None:
        layer, option = _reference(over)
        chosen = cube[layer].values.tolist().index(select(cube, **{layer: option})[layer].item())
        other = {"logs": logs.isel({layer: chosen}, drop=True), "half": half.isel({layer: chosen}, drop=True)}
        logs = _on_one_host(cube, layer, chosen, logs - other["logs"]).transpose(*LAYERS)
        # A cell over itself is one, with nothing to estimate.
        half = _added(half, other["half"]).where(cube[layer] != cube[layer].values[chosen], 0.0).transpose(*LAYERS)
    values = {"speedup": -logs, "speedup_low": -logs - half, "speedup_high": half - logs}
    found = xr.Dataset({name: xr.DataArray(np.exp(array)) for name, array in values.items()})
    for name, array in found.items():
        array.attrs = {"units": "1", "long_name": f"{str(name).replace('_', ', ')} over {over or 'the baseline'}"}
    return found.assign_attrs(baseline=cube.attrs["baseline"], over=over or "the baseline").assign(
        status=cube["status"]
    )


def _on_one_host(cube: xr.Dataset, layer: str, chosen: int, logs: xr.DataArray) -> xr.DataArray:
    """Only the cells that were measured where the one compared with was: hosts are never paired."""
    if layer != "hardware" or "at" not in cube.coords:
        return logs
    return logs.where(cube["at"] == cube["at"].values[chosen])


def _reference(over: str) -> tuple[str, str]:
    layer, equals, option = over.partition("=")
    if layer not in LAYERS or not equals:
        raise CubeError(f'over={over!r} is no layer=option; write for example over="codegen=openvino"')
    return layer, option


def _log(array: xr.DataArray) -> xr.DataArray:
    return xr.DataArray(np.log(array))


def _added(a: xr.DataArray, b: xr.DataArray) -> xr.DataArray:
    """Half-interval of the difference of two independent logs with these half-intervals."""
    return xr.DataArray(np.sqrt(a**2 + b**2))


def sentences(result: xr.Dataset) -> list[str]:
    """The fastest and the slowest cell, of those that ended well."""
    values, well = flat(result, "speedup"), ended_well(result)
    known = np.flatnonzero(well & np.isfinite(values))
    if not len(known):
        return ["No speed-up is known: no cell was measured beside its counterpart."]
    ends = known[[values[known].argmax(), values[known].argmin()]]
    names = cells.table(result, ends)["cell"]
    figures = [flat(result, f"speedup{end}")[ends] for end in ("", "_low", "_high")]
    parts = [
        f"{word}: {name}, {change(find('latency'), *(values[i] for values in figures))}"
        for word, name, i in zip(("fastest", "slowest"), names, (0, 1), strict=True)
    ]
    return [f"Speed-up over {result.attrs['over']}, {'; '.join(parts)}."]
