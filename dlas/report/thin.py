"""Which cells of a large cube a page keeps."""

from typing import Any

import numpy as np
import xarray as xr

from dlas.cube import frame
from dlas.option import LAYERS

MOST = 1_000  # cells; with more, a page is neither small nor quick


def thinned(cube: xr.Dataset) -> tuple[xr.Dataset, int]:
    """The cube with at most `MOST` cells and how many it had; those left out become `unplanned`.

    The baseline, the fastest and the most accurate stay; the rest are taken evenly in the order of the cube.
    """
    table = frame(cube)
    if len(table) <= MOST:
        return cube, len(table)
    kept = _kept(table)
    left_out = table.drop(index=kept)
    places = tuple(cube.get_index(layer).get_indexer(left_out[layer]) for layer in LAYERS)
    thin = cube.copy(deep=True)
    thin["status"].values[places] = "unplanned"
    for name, array in thin.data_vars.items():
        if array.dtype.kind == "f":
            thin[name].values[places] = np.nan
    return thin, len(table)


def _kept(table: Any) -> list[int]:
    best = MOST // 10
    certain = {0, *table["latency"].nsmallest(best).index, *table["accuracy"].nlargest(best).index}
    others = [place for place in range(len(table)) if place not in certain]
    evenly = np.linspace(0, len(others) - 1, MOST - len(certain)).round().astype(int)
    return sorted({*certain, *(others[i] for i in evenly)})
