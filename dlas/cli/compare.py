"""`dlas compare`: what changed between two cubes, for people, for pull requests and for scripts."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import typer
import xarray as xr

from dlas import api, registry
from dlas.analysis import changes, gate
from dlas.analysis.compare import Comparison, compare
from dlas.analysis.drift import reference_kernel
from dlas.errors import CubeError, OptionError
from dlas.measure.statistics import Interval
from dlas.stack import Stack
from dlas.study.plan import journal_path

FORMATS = ("text", "markdown", "json")
_ADVICE = (
    "Can both versions run on one host? Then vary them in one study: its cells take turns with the baseline, so that "
    "smaller differences show than between two sessions."
)


def show(before: Path, after: Path, fail_on: Sequence[str], format_: str) -> None:
    """Print the comparison; exit code 1 where a limit is broken."""
    if format_ not in FORMATS:
        raise CubeError(f"--format {format_} is unknown; choose one of {', '.join(FORMATS)}")
    asked = gate.limits(fail_on)
    cubes = api.open_cube(before), api.open_cube(after)
    found = compare(*cubes, _kernels((before, after), cubes))
    broken = gate.breaches(found, asked)
    if format_ == "json":
        print(json.dumps({**asdict(found), "breaches": broken}, indent=1, ensure_ascii=False))
    elif format_ == "markdown":
        print("\n".join([changes.markdown(found), "", *(f"- **{sentence}**" for sentence in broken)]).rstrip())
    else:
        _text(found, asked, [advice(*cubes)] if found.same_host else [])
        print("".join(f"limit broken  {sentence}\n" for sentence in broken), end="")
    if broken:
        raise typer.Exit(1)


def _kernels(paths: tuple[Path, Path], cubes: tuple[xr.Dataset, xr.Dataset]) -> tuple[Interval, Interval] | None:
    """The reference kernel's figures from the journals beside both cubes, if both are there."""
    found = [
        reference_kernel(journal_path(path), cube.attrs["host_fingerprint"])
        for path, cube in zip(paths, cubes, strict=True)
    ]
    return (found[0], found[1]) if found[0] and found[1] else None


def _text(found: Comparison, asked: gate.Limits, advised: Sequence[str]) -> None:
    for sentence in changes.sentences(found):
        print(sentence)
    for row in changes.rows(found):
        print("  " + "  ".join(text for text in row.values() if text))
    unseen = gate.unseen(found, asked)
    if unseen:
        print(f"{unseen} cells are known too badly to see a change of {asked.slower:.1%}; measure them longer.")
    for sentence in advised:
        print(sentence)


def advice(before: xr.Dataset, after: xr.Dataset) -> str:
    """How to measure both versions in turn: the command, where it is a runtime whose version changed."""
    older, newer = (json.loads(cube.attrs["environment"]).get("packages", {}) for cube in (before, after))
    options = [str(text) for text in after["codegen"].values]
    for text in options:
        try:
            (runtime, *_) = registry.parse("codegen", text)[0].packages  # type: ignore[attr-defined]
        except OptionError:  # not installed here: nothing can be advised about it
            continue
        if runtime in older and older[runtime] != newer.get(runtime):
            return f"{_ADVICE} {_command(after, text, runtime, older[runtime])}"
    return _ADVICE


def _command(cube: xr.Dataset, option: str, package: str, version: str) -> str:
    """A study of one code generator in this Python and in an older one, the other layers as in the cube's baseline."""
    chosen = Stack(**{**json.loads(cube.attrs["baseline"]), "codegen": option})
    changed = chosen.difference(Stack()).split() if chosen != Stack() else []
    settings = "".join(f" --set {shlex.quote(setting)}" for setting in changed)
    older = registry.write((replace(registry.parse("codegen", option)[0], python="before"),))
    return (
        f"With a Python that has {package} {version}: dlas perturb{settings} --data before=THAT/bin/python "
        f'--layer "codegen={option} {older}"'
    )
