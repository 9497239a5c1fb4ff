"""Cubes as one, each host an explicit hardware label, and apart again; hosts are never paired."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from dlas.cube import digest, select
from dlas.errors import CubeError
from dlas.host import revive
from dlas.measure.noise import Glance
from dlas.option import LAYERS, spell, split
from dlas.study.plan import HERE
from dlas.variables import NUMBERS, TEXTS

ByPlace = Mapping[str, Any]  # by the name of a host

_EMPTY = ("unplanned", "missing")  # statuses of positions that another cube may fill


def merge(cubes: Mapping[str, Sequence[xr.Dataset]]) -> xr.Dataset:
    """One cube of cubes by the name of their host; `hardware` becomes `cpu@at=NAME`, or stays where the name is empty.

    Relative figures stay what they were: each cube's against its own baseline, as it was on its host. Where two cubes
    of a host hold that baseline's cell, the first one's is kept. Raises CubeError where the baselines differ, a host
    has two names or two hosts have one, or two cubes hold any other cell.
    """
    named = [(name, labelled(cube, name)) for name, own in cubes.items() for cube in own]
    if len(named) < 2:
        raise CubeError("a merge needs two cubes or more; name them")
    _checked(named)
    axes = {layer: _union(cube[layer].values.tolist() for _, cube in named) for layer in LAYERS}
    merged = _filled(axes, [cube for _, cube in named])
    merged = merged.assign_coords(_coordinates(axes, [cube for _, cube in named]))
    merged.attrs = _attributes(named)
    for name, (unit, long_name) in NUMBERS.items():
        merged[name].attrs = {"units": unit, "long_name": long_name}
    merged.attrs["digest"] = digest(merged)
    return merged


def apart(cube: xr.Dataset) -> dict[str, xr.Dataset]:
    """Each host's part of a cube by the host's name, as it was before the merge: labels without that name."""
    return {place: _part(cube, place) for place in dict.fromkeys(cube["at"].values.tolist())}


def _part(cube: xr.Dataset, place: str) -> xr.Dataset:
    own = select(cube, at=place)
    planned = own["status"].transpose(*LAYERS).values != "unplanned"
    own = own.isel({layer: np.unique(there) for layer, there in zip(LAYERS, np.nonzero(planned), strict=True)})
    labels = [anywhere(text) for text in own["hardware"].values.tolist()]
    own = own.assign_coords({"hardware": labels, "at": ("hardware", [HERE] * len(labels))})
    host, environment = (of(cube, place)[place] for of in (_hosts, _environments))
    known = {name: _by_place(cube, name, HERE).get(place) for name in ("noise", "peaks")}
    return own.assign_attrs(
        baseline=json.dumps(_baseline(cube)),
        host=json.dumps(host),
        host_fingerprint=revive(host).fingerprint,
        hosts=json.dumps({HERE: host}),
        environment=json.dumps(environment),
        environments=json.dumps({HERE: environment}),
        **{name: json.dumps({HERE: value} if value else {}) for name, value in known.items()},
    )


def labelled(cube: xr.Dataset, name: str) -> xr.Dataset:
    """The cube with the name of its host in every hardware label that has none yet; as it is where that is empty."""
    if name == HERE:
        return cube
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


def anywhere(hardware: str) -> str:
    """`cpu@threads=2,at=NAME` wherever that is: `cpu@threads=2`."""
    ((device, arguments),) = split(hardware)
    kept = [f"{key}={value}" if key else value for key, value in arguments if key != "at"]
    return f"{device}@{','.join(kept)}" if kept else device


def _checked(named: Sequence[tuple[str, xr.Dataset]]) -> None:
    if len({json.dumps(_baseline(cube)) for _, cube in named}) > 1:
        raise CubeError("the cubes have different baselines; relative figures would mean different things in one cube")
    places: dict[str, str] = {}
    models: dict[str, str] = {}
    for place, host in ((place, revive(facts)) for name, cube in named for place, facts in _hosts(cube, name).items()):
        known = places.setdefault(host.fingerprint, place)
        if known != place:
            one, other = (name or "the host without a name" for name in (known, place))
            raise CubeError(f"{one} and {other} are one host; give both cubes the same name")
        models[host.fingerprint] = host.cpu
    for place in places.values():
        _checked_name(place, [models[fingerprint] for fingerprint, known in places.items() if known == place])


def _checked_name(place: str, models: Sequence[str]) -> None:
    if len(models) < 2:
        return
    if place == HERE:
        raise CubeError(f"the cubes are of {len(models)} hosts ({', '.join(models)}); name each: NAME=CUBE.nc")
    raise CubeError(f"two hosts are called {place}; give each its own name: NAME=CUBE.nc")


def _baseline(cube: xr.Dataset) -> dict[str, str]:
    """The baseline's options, wherever it was measured."""
    stack: dict[str, str] = json.loads(cube.attrs["baseline"])
    return {**stack, "hardware": anywhere(stack["hardware"])}


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
    """Which positions of a cube are taken; raises CubeError where another cube has measured one, but for baselines."""
    status = cube["status"].transpose(*LAYERS).values
    both = ~np.isin(status, _EMPTY) & ~np.isin(there, _EMPTY)
    for place in np.argwhere(both):
        stack = {layer: cube[layer].values[i] for layer, i in zip(LAYERS, place, strict=True)}
        if {**stack, "hardware": anywhere(stack["hardware"])} != _baseline(cube):
            cell = " ".join(f"{layer}={option}" for layer, option in stack.items())
            raise CubeError(f"two cubes hold {cell}; leave one of them out")
    return (~np.isin(status, _EMPTY) & ~both) | (there == "unplanned")


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


# --- what is known of the hosts ----------------------------------------------------------------------------------


def _attributes(named: Sequence[tuple[str, xr.Dataset]]) -> dict[str, str]:
    """Those of the first cube, whose baseline names the cells, and `merged`, which says that its study is not all.

    Beside them what is known of each host by its name.

    Of a host's several looks at its noise the worst counts, of other facts the first.
    """
    _, first = named[0]
    measured = sorted({day for _, cube in named for day in json.loads(cube.attrs["measured"])})
    return {
        **first.attrs,
        "title": " and ".join(dict.fromkeys(cube.attrs["title"] for _, cube in named)),
        "merged": str(len(named)),
        "measured": json.dumps(measured),
        "hosts": json.dumps(_first([_hosts(cube, name) for name, cube in named])),
        "noise": json.dumps(_worst([_by_place(cube, "noise", name) for name, cube in named])),
        "peaks": json.dumps(_first([_by_place(cube, "peaks", name) for name, cube in named])),
        "environments": json.dumps(_first([_environments(cube, name) for name, cube in named])),
    }


def _first(known: Sequence[ByPlace]) -> ByPlace:
    found: dict[str, Any] = {}
    for own in known:
        found |= {place: value for place, value in own.items() if place not in found}
    return found


def _worst(looks: Sequence[ByPlace]) -> ByPlace:
    """The look at each host that would still know least after as long."""
    found: dict[str, Any] = {}
    for own in looks:
        for place, seen in own.items():
            found[place] = max(seen, found.get(place, seen), key=lambda look: Glance(**look).after(1.0))
    return found


def _hosts(cube: xr.Dataset, name: str) -> ByPlace:
    """Name → host of a cube; its only host may be nameless yet."""
    known = _by_place(cube, "hosts", name)
    return known or {name: json.loads(cube.attrs["host"])}


def _environments(cube: xr.Dataset, name: str) -> ByPlace:
    """Name → environment of a cube's hosts."""
    return _by_place(cube, "environments", name) or {name: json.loads(cube.attrs["environment"])}


def _by_place(cube: xr.Dataset, attribute: str, name: str) -> ByPlace:
    """An attribute that has a value for each host, those of the nameless one under this name."""
    return {place or name: value for place, value in json.loads(cube.attrs.get(attribute, "{}")).items()}
