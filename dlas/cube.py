"""The cube: what a study found, as an xarray Dataset whose six dimensions are the six layers."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dlas import registry
from dlas.errors import CubeError, OptionError
from dlas.layers.hardware import Hardware
from dlas.option import LAYERS, name_of, parameters
from dlas.stack import Stack
from dlas.study.journal import Journal
from dlas.study.plan import HERE, Plan, journal_path
from dlas.study.results import Values, hosts, results
from dlas.study.spec import Measure, Part, Study, located
from dlas.variables import NUMBERS, TEXTS

FORMAT = "dlas cube 1"
LARGEST = 10**7  # positions; beyond, the tidy table is offered instead
LAZY = 10**5  # positions from which numbers are read from the file when they are used

_LIST = "_texts"  # ends the name of a list of texts in a file


def from_journal(plan: Plan, out: Path) -> xr.Dataset:
    """The cube of a plan, from the journal beside `out`."""
    journal = Journal(journal_path(out))
    try:
        return build(plan, results(plan, journal), journal.sessions())
    finally:
        journal.close()


def build(plan: Plan, found: Mapping[str, Values], sessions: Sequence[Mapping[str, Any]]) -> xr.Dataset:
    """Scatter the cells' values over the six layers."""
    axes = {layer: list(dict.fromkeys(getattr(cell.stack, layer) for cell in plan.cells)) for layer in LAYERS}
    shape = tuple(len(options) for options in axes.values())
    if np.prod(shape, dtype=float) > LARGEST:
        raise CubeError(
            f"the cube would have {np.prod(shape, dtype=float):.0f} positions; split the study into smaller ones"
        )
    places = {layer: {text: i for i, text in enumerate(options)} for layer, options in axes.items()}
    numbers = {name: np.full(shape, np.nan) for name in NUMBERS}
    texts = {name: np.full(shape, "unplanned" if name == "status" else "", dtype=object) for name in TEXTS}
    for cell in plan.cells:
        place = tuple(places[layer][getattr(cell.stack, layer)] for layer in LAYERS)
        for name, value in found[cell.label].items():
            if name in texts:
                texts[name][place] = value
            elif value is not None:
                numbers[name][place] = value
    cube = xr.Dataset(
        {name: (LAYERS, array) for name, array in {**numbers, **texts}.items()},
        coords={**axes, **_parsed(axes, plan)},
        attrs=_attributes(plan, sessions),
    )
    for name, (unit, long_name) in NUMBERS.items():
        cube[name].attrs = {"units": unit, "long_name": long_name}
    cube.attrs["digest"] = digest(cube)
    return cube


def digest(cube: xr.Dataset) -> str:
    """Hash of everything that a cube holds."""
    sha = hashlib.sha256(json.dumps(cube.attrs, sort_keys=True).encode())
    for name, array in sorted(cube.variables.items(), key=lambda item: str(item[0])):
        numeric = array.dtype.kind == "f"
        sha.update(str(name).encode())
        sha.update(array.values.tobytes() if numeric else json.dumps(array.values.tolist()).encode())
    return sha.hexdigest()


def _parsed(axes: Mapping[str, Sequence[str]], plan: Plan) -> dict[str, tuple[str, list[Any]]]:
    """Parameters of the options as extra coordinates."""
    levels = [_level(text) for text in axes["compression"]]
    techniques = ["+".join(name_of(o) for o in registry.parse("compression", t)) for t in axes["compression"]]
    hardware = [cast(Hardware, registry.parse("hardware", text)[0]) for text in axes["hardware"]]
    models = {HERE: plan.host.cpu, **{name: host.cpu for name, host in plan.named.items()}}
    return {
        "technique": ("compression", techniques),
        "level": ("compression", levels),
        "threads": ("hardware", [getattr(option, "threads", 0) for option in hardware]),
        "batch": ("hardware", [getattr(option, "batch", 1) for option in hardware]),
        "at": ("hardware", [option.at for option in hardware]),
        "host": ("hardware", [models.get(option.at, "") for option in hardware]),
    }


def _level(chain: str) -> float:
    """The positional number of a chain's first step, as 0.9 of `weight-prune@0.9`; NaN where there is none."""
    step = registry.parse("compression", chain)[0]
    declared = parameters(type(step)).items()
    values = [getattr(step, key) for key, (kind, p, _) in declared if p.positional and kind in (int, float)]
    return float(values[0]) if values else float("nan")


def _attributes(plan: Plan, sessions: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    study = plan.study
    spec = {
        "name": study.name,
        "baseline": study.baseline.as_dict(),
        "parts": [{**asdict(part), "vary": dict(part.vary)} for part in study.parts],
        "measure": asdict(study.measure),
        "build_timeout": study.build_timeout,
        **({"search": study.search} if study.search else {}),
    }
    parts = plan.by_host()
    own = [s for s in sessions if s["host"] == parts[0].host.fingerprint and _at(s) == parts[0].baseline.at]
    ours = [s for s in sessions if any(s["host"] == p.host.fingerprint and _at(s) == p.baseline.at for p in parts)]
    noise, peaks = ({_at(s): s["environment"][k] for s in ours if k in s["environment"]} for k in ("noise", "peak"))
    return {
        "format": FORMAT,
        "title": study.name,
        "baseline": json.dumps(study.baseline.as_dict()),
        "spec": json.dumps(spec),
        "host": json.dumps(asdict(parts[0].host)),
        "host_fingerprint": parts[0].host.fingerprint,
        "hosts": json.dumps({p.baseline.at: asdict(p.host) for p in parts}),
        "environment": json.dumps(own[-1]["environment"] if own else {}),
        "measured": json.dumps(sorted({s["started"][:10] for s in ours})),
        "other_hosts": json.dumps(hosts(sessions, [p.host for p in parts])),
        "noise": json.dumps(noise),
        "peaks": json.dumps(peaks),
    }


def _at(session: Mapping[str, Any]) -> str:
    """The name under which a session measured."""
    return str(session["environment"].get("at", HERE))


def study_of(cube: xr.Dataset, places: Mapping[str, Path]) -> Study:
    """The study that made a cube; where its data lie must be said again."""
    written = json.loads(cube.attrs["spec"])
    parts = tuple(Part(**{**part, "vary": {k: tuple(v) for k, v in part["vary"].items()}}) for part in written["parts"])
    baseline, measure = Stack(**written["baseline"]), Measure(**written["measure"])
    rest = {name: written[name] for name in ("build_timeout", "search") if name in written}
    return located(Study(written["name"], baseline, parts, measure, **rest), places)


def save(cube: xr.Dataset, path: Path) -> None:
    """Write NetCDF unless the file holds this very cube; it is replaced in one step."""
    if _stored_digest(path) == cube.attrs["digest"]:
        return
    partial = path.with_suffix(f".{os.getpid()}.partial")
    encoding = {name: {"zlib": True} for name in NUMBERS if name in cube}  # an older cube lacks the newest
    try:
        _coded(cube).to_netcdf(partial, engine="h5netcdf", encoding=encoding)
        partial.rename(path)
    except OSError as problem:
        partial.unlink(missing_ok=True)
        raise CubeError(f"cube {path} cannot be written ({problem}); choose another --out") from problem


def _coded(cube: xr.Dataset) -> xr.Dataset:
    """The cube as files hold it: numbers in place of texts, which are slow to read, beside a list of the texts."""
    import pandas

    lists: dict[str, Any] = {}
    for name in TEXTS:
        codes, texts = pandas.factorize(cube[name].values.ravel())
        small = codes.reshape(cube[name].shape).astype(np.min_scalar_type(len(texts)))
        lists[name] = (cube[name].dims, small, {}, {"zlib": True, "chunksizes": small.shape})
        lists[f"{name}{_LIST}"] = (f"{name}_code", np.asarray(texts, object))
    return cube.assign(lists)


def _decoded(stored: xr.Dataset) -> xr.Dataset:
    """The cube that `_coded` made a file of; files with texts in place are read as they are."""
    texts = {
        name: (stored[name].dims, _texts(stored[f"{name}{_LIST}"].values.astype(object), stored[name]))
        for name in TEXTS
        if f"{name}{_LIST}" in stored
    }
    return stored.assign(texts).drop_vars([f"{name}{_LIST}" for name in texts])


def _texts(known: NDArray[np.object_], codes: xr.DataArray) -> NDArray[np.object_]:
    """The texts behind codes; where all are the same, codes of a million cells need not be read."""
    same = len(known) == 1
    texts: NDArray[np.object_] = np.full(codes.shape, known[0], object) if same else known[codes.values]
    return texts


def _stored_digest(path: Path) -> str:
    import h5py

    try:
        with h5py.File(path) as file:
            return str(file.attrs.get("digest", ""))
    except OSError:
        return ""


def open_cube(path: Path | str) -> xr.Dataset:
    """The cube in a NetCDF file; raises CubeError for what is no cube."""
    try:
        stored = xr.open_dataset(path, engine="h5netcdf", phony_dims="sort")
        if stored.sizes and max(array.size for array in stored.values()) < LAZY:
            with stored:
                stored.load()
        cube = _decoded(stored)
    except FileNotFoundError:
        raise CubeError(f"cube {path} does not exist; `dlas perturb` and `dlas run` make one") from None
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as problem:
        raise CubeError(f"{path} is no cube of dlas; name the .nc file that `dlas run` wrote") from problem
    if cube.attrs.get("format") != FORMAT:
        raise CubeError(f"{path} is no cube of this version of dlas ({FORMAT}); make it again from its journal")
    return cube


def select(cube: xr.Dataset, **chosen: Any) -> xr.Dataset:
    """A part of the cube by options or by parsed coordinates, all six dimensions kept; raises CubeError."""
    for name, wanted in chosen.items():
        if name not in cube.coords:
            raise CubeError(f"the cube has no coordinate {name!r}; it has {', '.join(map(str, cube.coords))}")
        values = [_as_written(name, value) for value in (wanted if isinstance(wanted, (list, tuple)) else [wanted])]
        (dimension,) = cube[name].dims
        known = cube[name].values.tolist()
        missing = [value for value in values if value not in known]
        if missing:
            there = ", ".join(map(str, dict.fromkeys(known)))
            raise CubeError(f"{name}={missing[0]} is not in the cube; it has {there}")
        cube = cube.isel({dimension: [i for i, value in enumerate(known) if value in values]})
    return cube


def _as_written(name: str, value: Any) -> Any:
    """An option as the cube's coordinate has it, however it was written; anything else as it is."""
    try:
        return registry.canonical(name, value) if name in LAYERS else value
    except OptionError:
        return value


def label(cell: Mapping[str, Any], baseline: Mapping[str, str]) -> str:
    """A cell's name as `Stack.difference` gives it, from texts alone: a cube opens without what made it."""
    changed = [layer for layer in LAYERS if cell[layer] != baseline[layer]]
    return " ".join(f"{layer}={cell[layer]}" for layer in changed) or "baseline"


def frame(cube: xr.Dataset) -> Any:
    """The tidy table of the existing cells (a pandas DataFrame): six columns of options, then the variables."""
    table = cube.to_dataframe().reset_index()
    table = table[table["status"] != "unplanned"].reset_index(drop=True)
    return table[[*LAYERS, *(name for name in table.columns if name not in LAYERS)]]
