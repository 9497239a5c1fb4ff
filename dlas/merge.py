"""Cubes of several hosts as one, each host an explicit hardware label; hosts are never paired."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from dlas.cube import digest
from dlas.errors import CubeError
from dlas.option import LAYERS, spell, split
from dlas.variables import NUMBERS, TEXTS

_EMPTY = ("unplanned", "missing")  # statuses of positions that another cube may fill


def merge(cubes: Mapping[str, Sequence[xr.Dataset]]) -> xr.Dataset:
    """One cube of cubes by the name of their host; `hardware` becomes `cpu@at=NAME`.

    Relative figures stay what they were: each host's against that host's own baseline. Raises CubeError where the
    baselines differ, a host has two names, or two cubes measured the same cell.
    """
    named = [(name, labelled(cube, name)) for name, own in cubes.items() for cube in own]
    if len(named) < 2:
        raise CubeError("a merge needs two cubes or more; name them")
    _checked([(name, cube) for name, own in cubes.items() for cube in own])
    axes = {layer: _union(cube[layer].values.tolist() for _, cube in named) for layer in LAYERS}
    merged = _filled(axes, [cube for _, cube in named])
    merged = merged.assign_coords(_coordinates(axes, [cube for _, cube in named]))
    merged.attrs = _attributes(named)
    for name, (unit, long_name) in NUMBERS.items():
        merged[name].attrs = {"units": unit, "long_name": long_name}
    merged.attrs["digest"] = digest(merged)
    return merged


def labelled(cube: xr.Dataset, name: str) -> xr.Dataset:
    """The cube with the name of its host in every hardware label that has none yet."""
    labels = [at(text, name) for text in cube["hardware"].values.tolist()]
    named = [place or name for place in cube["at"].values.tolist()] if "at" in cube.coords else [name] * len(labels)
    baseline = json.loads(cube.attrs["baseline"])
    baseline["hardware"] = at(baseline["hardware"], name)
    coordinates = {"hardware": ("hardware", labels), "at": ("hardware", named)}
    return cube.assign_coords(coordinates).assign_attrs(baseline=json.dumps(baseline))


def at(hardware: str, name: str) -> str:
    """`cpu@threads=2` at a host: `cpu@threads=2,at=NAME`."""
    ((_, arguments),) = split(hardware)
    if any(key == "at" for key, _ in arguments):
        return hardware
    return f"{hardware}{',' if arguments else '@'}at={spell(name)}"


def _checked(named: Sequence[tuple[str, xr.Dataset]]) -> None:
    baselines = {cube.attrs["baseline"] for _, cube in named}
    if len(baselines) > 1:
        raise CubeError("the cubes have different baselines; relative figures would mean different things in one cube")
    names: dict[str, str] = {}
    for name, cube in named:
        known = names.setdefault(cube.attrs["host_fingerprint"], name)
        if known != name:
            raise CubeError(f"{known} and {name} are one host; give both cubes the same name")
    if len(set(names.values())) < len(names):
        doubled = max(names.values(), key=list(names.values()).count)
        raise CubeError(f"two hosts are called {doubled}; give each its own name: NAME=CUBE.nc")


def _union(options: Any) -> list[str]:
    return list(dict.fromkeys(option for own in options for option in own))


def _filled(axes: Mapping[str, list[str]], cubes: Sequence[xr.Dataset]) -> xr.Dataset:
    shape = tuple(len(options) for options in axes.values())
    numbers = {name: np.full(shape, np.nan) for name in NUMBERS}
    texts = {name: np.full(shape, "unplanned" if name == "status" else "", dtype=object) for name in TEXTS}
    for cube in cubes:
        places = np.ix_(*([axes[layer].index(option) for option in cube[layer].values.tolist()] for layer in LAYERS))
        taken = _taken(cube, texts["status"][places])
        for name, array in {**numbers, **texts}.items():
            if name in cube:
                array[places] = np.where(taken, cube[name].transpose(*LAYERS).values, array[places])
    return xr.Dataset({name: (LAYERS, array) for name, array in {**numbers, **texts}.items()}, coords=dict(axes))


def _taken(cube: xr.Dataset, there: Any) -> Any:
    """Which positions of a cube are taken; raises CubeError where another cube has measured one of them."""
    status = cube["status"].transpose(*LAYERS).values
    clash = np.argwhere(~np.isin(status, _EMPTY) & ~np.isin(there, _EMPTY))
    if len(clash):
        stack = {layer: cube[layer].values[i] for layer, i in zip(LAYERS, clash[0], strict=True)}
        cell = " ".join(f"{layer}={option}" for layer, option in stack.items())
        raise CubeError(f"two cubes hold {cell}; leave one of them out, or give the hosts different names")
    return ~np.isin(status, _EMPTY) | (there == "unplanned")


def _coordinates(axes: Mapping[str, list[str]], cubes: Sequence[xr.Dataset]) -> dict[str, tuple[str, list[Any]]]:
    """The parsed coordinates of the cubes, by option."""
    found: dict[str, tuple[str, list[Any]]] = {}
    for cube in cubes:
        for name, array in cube.coords.items():
            if name in LAYERS:
                continue
            (layer,) = map(str, array.dims)
            known = dict(zip(cube[layer].values.tolist(), array.values.tolist(), strict=True))
            _, values = found.setdefault(str(name), (layer, [None] * len(axes[layer])))
            for i, option in enumerate(axes[layer]):
                values[i] = known.get(option, values[i])
    return found


def _attributes(named: Sequence[tuple[str, xr.Dataset]]) -> dict[str, str]:
    """Those of the first cube, whose baseline names the cells; beside them every host under its name."""
    _, first = named[0]
    measured = sorted({day for _, cube in named for day in json.loads(cube.attrs["measured"])})
    return {
        **first.attrs,
        "title": " and ".join(dict.fromkeys(cube.attrs["title"] for _, cube in named)),
        "measured": json.dumps(measured),
        "hosts": json.dumps({place: host for name, cube in named for place, host in _hosts(cube, name).items()}),
    }


def _hosts(cube: xr.Dataset, name: str) -> dict[str, Any]:
    """Name → host of a cube; its only host may be nameless yet."""
    known = json.loads(cube.attrs["hosts"]) if "hosts" in cube.attrs else {"": json.loads(cube.attrs["host"])}
    return {place or name: host for place, host in known.items()}
