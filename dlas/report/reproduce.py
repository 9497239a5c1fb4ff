"""How to make a cube again: its study as TOML, and the environment it was measured in."""

import json
from collections.abc import Iterable
from typing import Any

import xarray as xr

from dlas.merge import apart


def study_toml(cube: xr.Dataset) -> str:
    """The study file that gives this cube; where named data lie must be said again. Of a merged one, its first part."""
    spec = json.loads(cube.attrs["spec"])
    parts = cube.attrs.get("merged")
    lines = [f"# The first of {parts} cubes that were merged; the others' studies stand in them."] if parts else []
    lines += [f"name = {_text(spec['name'])}", "", "[baseline]"]
    lines += [f"{layer} = {_text(option)}" for layer, option in spec["baseline"].items()]
    for part in spec["parts"]:
        lines += ["", "[[part]]", f"design = {_text(part['design'])}"]
        if part["design"] == "sample":
            lines += [f"cells = {part['cells']}", f"seed = {part['seed']}"]
        lines += [f"set.{layer} = {_text(option)}" for layer, option in part.get("set", {}).items()]
        lines += [f"vary.{layer} = [{', '.join(_text(o) for o in options)}]" for layer, options in part["vary"].items()]
    lines += ["", "[measure]", *_measure(spec["measure"])]
    if "build_timeout" in spec:
        lines += ["", "[build]", f'timeout = "{spec["build_timeout"]:g}s"']
    return "\n".join(lines) + "\n"


def _measure(measure: dict[str, Any]) -> Iterable[str]:
    yield f'margin = "{100 * measure["margin"]:g}%"'
    yield f'budget = "{measure["budget"]:g}s"'
    yield f"images = {measure['images']}"
    yield f"processes = {measure['processes']}"
    yield f'timeout = "{measure["timeout"]:g}s"'


def _text(value: str) -> str:
    """A basic string of TOML, which JSON's strings are."""
    return json.dumps(value, ensure_ascii=False)


def environment(cube: xr.Dataset) -> list[tuple[str, str]]:
    """Name and value of what the figures depend on: host, Python, packages; of several hosts by their names."""
    hosts = apart(cube)
    facts = {
        f"{place}: {name}" if len(hosts) > 1 else name: value
        for place, own in hosts.items()
        for name, value in _of_host(own).items()
    }
    facts |= {
        "measured on": ", ".join(json.loads(cube.attrs["measured"])),
        "other hosts in the journal, not shown": ", ".join(json.loads(cube.attrs["other_hosts"])),
        "digest of the cube": cube.attrs.get("digest", ""),
    }
    return [(name, str(value)) for name, value in facts.items() if value]


def _of_host(cube: xr.Dataset) -> dict[str, Any]:
    host = json.loads(cube.attrs["host"])
    measured = json.loads(cube.attrs["environment"])
    return {
        "processor": host["cpu"],
        "instruction sets": " ".join(host["flags"]),
        "caches": ", ".join(host["caches"]),
        "usable cores": host["cores"],
        "quota": f"{host['quota']:g} cores" if host["quota"] else "none",
        "memory": f"{host['memory'] / 1e9:.0f} GB",
        "graphics": ", ".join(host["gpus"]) or "none",
        "host's fingerprint": cube.attrs["host_fingerprint"],
        "kernel": measured.get("kernel", ""),
        "Python": measured.get("python", ""),
        **measured.get("packages", {}),
    }
