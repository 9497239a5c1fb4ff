"""Arithmetic intensity and speed of each cell against what the host can do (Williams et al. 2009, doi 10.1145/1498765).

A cube knows the bytes of weights but not those of activations: the intensity is an upper bound, and so is the roof.
"""

import json
from typing import Any

import numpy as np
import xarray as xr

from dlas import host
from dlas.analysis import cells
from dlas.analysis.cells import of_hardware
from dlas.analysis.quantities import figures, flat, percent
from dlas.errors import CubeError
from dlas.measure import peak
from dlas.measure.lock import measuring_lock
from dlas.measure.peak import Peak
from dlas.study.plan import HERE

SECONDS = 1.0  # for each of the two peaks
SHOWN = 2  # cells that are told in words at either end
_ENDS = ("", "_low", "_high")


def roofline(cube: xr.Dataset, gflops: float, bandwidth: float) -> Any:
    """A pandas DataFrame with a row for each measured cell; peaks of one thread, in 10^9 operations and bytes a second.

    Columns: the six layers, `cell`, `operations` (two for each multiply-add, of the whole batch), `bytes` (weights
    only), `intensity` (operations a byte; an upper bound), `speed` (10^9 operations a second) with its interval, `roof`
    (the lesser of peak and intensity times bandwidth), `bound` (`memory` or `arithmetic`), `share` of the roof with its
    interval. `roof`, `bound` and `share` are given for float32 on one thread only: the peaks are of that. Multiply-adds
    are those of the dense network: zeros count.
    """
    if not (gflops > 0 and bandwidth > 0):
        raise CubeError("a roofline needs both peaks above 0: gflops and bandwidth, as `dlas doctor` measures them")
    operations = 2 * figures(cube, "macs") * of_hardware(cube, "batch")
    weights = figures(cube, "weights_size")
    known = np.flatnonzero(np.isfinite(operations) & np.isfinite(weights) & np.isfinite(figures(cube, "latency")))
    operations, weights = operations[known], weights[known]
    intensity = operations / weights
    low_speed, speed, high_speed = (operations / figures(cube, f"latency{end}")[known] / 1e9 for end in _BY_SPEED)
    comparable = (flat(cube, "compute_precision")[known] == "float32") & (of_hardware(cube, "threads")[known] == 1)
    roof = np.where(comparable, np.minimum(gflops, intensity * bandwidth), np.nan)
    frame = cells.table(cube, known).assign(operations=operations, bytes=weights, intensity=intensity)
    frame = frame.assign(speed=speed, speed_low=low_speed, speed_high=high_speed, roof=roof)
    frame["bound"] = np.select([np.isnan(roof), intensity * bandwidth < gflops], ["", "memory"], "arithmetic")
    frame = frame.assign(share=speed / roof, share_low=low_speed / roof, share_high=high_speed / roof)
    frame.attrs = {"gflops": gflops, "bandwidth": bandwidth}
    return frame


_BY_SPEED = ("_high", "", "_low")  # the longest latency is the lowest speed


def stored_peak(cube: xr.Dataset) -> Peak | None:
    """The peaks of the cube's own host as they were when it was measured; None where nobody looked."""
    kept = json.loads(cube.attrs.get("peaks", "{}")).get(_place(cube))
    return Peak(**kept) if kept else None


def measured_peak(cube: xr.Dataset) -> Peak:
    """The peaks of the cube's host, measured now; raises CubeError where this is another host."""
    here = host.probe()
    there = json.loads(cube.attrs.get("hosts", "{}")).get(_place(cube)) or json.loads(cube.attrs["host"])
    if here.fingerprint != host.revive(there).fingerprint:
        raise CubeError(
            f"the cube was measured on another host ({there['cpu']}); run `dlas doctor` there and give its GFLOP/s and "
            "GB/s"
        )
    with measuring_lock():
        return peak.of_host(here, SECONDS)


def _place(cube: xr.Dataset) -> str:
    """The name of the one host that the cube's cells were measured on; raises CubeError where they are of several."""
    places = dict.fromkeys(cube["at"].values.tolist() if "at" in cube.coords else [HERE])
    if len(places) > 1:
        named = ", ".join(place or "one without a name" for place in places)
        raise CubeError(
            f"the cube is of several hosts ({named}), each with a roof of its own; take the cube of one, or "
            "cube.dlas.sel(at=NAME)"
        )
    return next(iter(places), HERE)


def sentences(result: Any) -> list[str]:
    """Which cells come nearest to the roof, and which stay farthest below."""
    placed = result[result["share"].notna()].sort_values("share", ascending=False)
    if placed.empty:
        return ["No cell can be placed under the roof: none computes float32 on one thread."]
    peaks = f"{result.attrs['gflops']:.3g} GFLOP/s and {result.attrs['bandwidth']:.3g} GB/s"
    ends = [("nearest to the roof", placed.head(SHOWN)), ("farthest below", placed.tail(SHOWN).iloc[::-1])]
    parts = [f"{word}: {', '.join(_cell(row) for row in rows.to_dict('records'))}" for word, rows in ends]
    return [
        f"Against {peaks} (one thread, float32), {'; '.join(parts)}.",
        "Bytes are those of the weights only, as a cube knows no others: intensities and roofs are upper bounds.",
    ]


def _cell(row: dict[str, Any]) -> str:
    share = percent(*(row[f"share{end}"] for end in _ENDS))
    return f"{row['cell']} at {row['speed']:.3g} GFLOP/s, {share} of what {row['bound']} allows"
