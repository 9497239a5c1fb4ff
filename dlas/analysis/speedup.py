"""How much faster every cell is than another option of one layer, or than the baseline."""

import numpy as np
import xarray as xr

from dlas.cube import select
from dlas.errors import CubeError
from dlas.option import LAYERS

ENDS = ("_low", "_high")


def speedup(cube: xr.Dataset, over: str | None = None) -> xr.Dataset:
    """Speed-up of each cell with its 95 % interval (`speedup`, `speedup_low`, `speedup_high`; dimensionless).

    `over="codegen=openvino"` compares each cell with the one that differs from it in that layer only; without it
    with the baseline. Both cells were paired with the baseline of their block: log-ratios subtract, and their
    variances add.
    """
    logs = np.log(cube["relative_latency"])
    half = (np.log(cube["relative_latency_high"]) - np.log(cube["relative_latency_low"])) / 2
    if over is not None:
        layer, equals, option = over.partition("=")
        if layer not in LAYERS or not equals:
            raise CubeError(f"over={over!r} is no layer=option; write for example over=\"codegen=openvino\"")
        chosen = select(cube, **{layer: option})
        own = cube[layer] == chosen[layer].values[0]
        others = np.log(chosen["relative_latency"]).squeeze(layer, drop=True)
        widths = np.log(chosen["relative_latency_high"]).squeeze(layer, drop=True) - others
        logs = logs - others
        # A cell over itself is one, with nothing to estimate.
        half = xr.where(own, 0.0, np.hypot(half, widths))
    values = {"speedup": np.exp(-logs), "speedup_low": np.exp(-logs - half), "speedup_high": np.exp(-logs + half)}
    found = xr.Dataset({name: array.transpose(*LAYERS) for name, array in values.items()})
    for name in found:
        found[name].attrs = {"units": "1", "long_name": f"{name.replace('_', ', ')} over {over or 'the baseline'}"}
    return found
