"""Which cells are spoken of: their options, names, and what varies among them."""

import json
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dlas.analysis.quantities import estimates
from dlas.cube import label
from dlas.errors import CubeError
from dlas.option import LAYERS

Positions = NDArray[np.intp]


def baseline(cube: xr.Dataset) -> dict[str, str]:
    """Layer → option of the stack that the cube departs from, as texts."""
    stack: dict[str, str] = json.loads(cube.attrs["baseline"])
    return stack


def codes(cube: xr.Dataset, positions: Positions) -> NDArray[np.intp]:
    """A row for each flat position: the index of its option in every layer."""
    return np.stack(np.unravel_index(positions, [cube.sizes[layer] for layer in LAYERS]), axis=1)


def table(cube: xr.Dataset, positions: Positions) -> Any:
    """A pandas DataFrame with a row for each flat position: its option in every layer, and its name as `cell`."""
    import pandas

    rows = codes(cube, positions)
    columns = {layer: cube[layer].values[rows[:, i]].astype(object) for i, layer in enumerate(LAYERS)}
    return pandas.DataFrame({**columns, "cell": names(cube, positions)})


def names(cube: xr.Dataset, positions: Positions) -> list[str]:
    """The name of each flat position's cell."""
    departed = baseline(cube)
    options = [cube[layer].values.tolist() for layer in LAYERS]
    rows = codes(cube, positions).tolist()
    return [label({layer: options[i][row[i]] for i, layer in enumerate(LAYERS)}, departed) for row in rows]


def position(cube: xr.Dataset, stack: dict[str, str]) -> int | None:
    """The flat position of a stack, or None where the cube has no such place."""
    places = []
    for layer in LAYERS:
        known = cube[layer].values.tolist()
        if stack[layer] not in known:
            return None
        places.append(known.index(stack[layer]))
    return int(np.ravel_multi_index(places, [cube.sizes[layer] for layer in LAYERS]))


def of_hardware(cube: xr.Dataset, name: str) -> Any:
    """A parameter of the hardware (`batch`, `threads`) for every flat position; hardware is the last layer."""
    return np.broadcast_to(cube[name].values, [cube.sizes[layer] for layer in LAYERS]).ravel()


def varying_axes(cube: xr.Dataset) -> list[str]:
    """The layers of which the cube has more than one option, measured or not."""
    return [layer for layer in LAYERS if cube.sizes[layer] > 1]


def varying(cube: xr.Dataset, positions: Positions) -> list[str]:
    """The layers of which these cells have more than one option."""
    rows = codes(cube, positions)
    return [layer for i, layer in enumerate(LAYERS) if len(rows) and np.ptp(rows[:, i]) > 0]


def varying_with(cube: xr.Dataset, figure: str) -> list[str]:
    """The layers of which cells with this figure have more than one option; raises CubeError for fewer than two."""
    layers = varying(cube, np.flatnonzero(estimates(cube, figure).known))
    if len(layers) < 2:
        raise CubeError(f"fewer than two layers vary among the cells with {figure}; none can change another's effect")
    return layers


def checked(cube: xr.Dataset, layer: str) -> str:
    """The layer itself; raises CubeError if there is none of this name, or if the cube has one option of it only."""
    if layer not in LAYERS:
        raise CubeError(f"{layer!r} is no layer; choose one of {', '.join(LAYERS)}")
    if cube.sizes[layer] < 2:
        raise CubeError(f"{layer} does not vary in this cube; choose {_choice(cube)}")
    return layer


def _choice(cube: xr.Dataset) -> str:
    return " or ".join(varying_axes(cube)) or "a cube in which something varies"
