"""Put a measured cube where it is committed, with what it was measured in, how often, and its report.

    python studies/across-stack/keep.py artifacts/across-stack/study.nc [JOURNAL …]

The journal is the one beside the cube; those of a merged cube's parts must be named, or what was kept of one (`.json`).
"""

import json
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pages
import xarray as xr

from dlas import api
from dlas.analysis.quantities import flat
from dlas.errors import CubeError, DlasError
from dlas.merge import apart
from dlas.report import page
from dlas.study.plan import journal_path


def summary(cube: xr.Dataset, journals: Sequence[Path]) -> dict[str, Any]:
    """Hosts with environment and noise of the measuring; cells by status; sessions, blocks and runs in the journals."""
    statuses = Counter(status for status in flat(cube, "status") if status != "unplanned")
    facts = ("host", "environment", "noise")
    hosts = {name: {fact: json.loads(own.attrs[fact]) for fact in facts} for name, own in apart(cube).items()}
    told = {"hosts": hosts, "measured": json.loads(cube.attrs["measured"])}
    counted = {f"{table}s": sum(_rows(journal, table) for journal in journals) for table in ("session", "block", "run")}
    return {**told, "digest": cube.attrs["digest"], "cells": dict(statuses), "journal": counted}


def _rows(journal: Path, table: str) -> int:
    if not journal.exists():
        raise CubeError(f"the journal {journal} is not there; name the journals of the cube's parts after the cube")
    if journal.suffix == ".json":
        return int(json.loads(journal.read_text(encoding="utf-8"))["journal"][f"{table}s"])
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        (count,) = connection.execute(f"select count(*) from {table}").fetchone()  # noqa: S608 - one of three
    return int(count)


def keep(path: Path, journals: Sequence[Path] = (), folder: Path = pages.REFERENCE) -> Path:
    """Copy the cube; write the summary and, for the study itself, the report beside it. Returns the copy.

    Raises CubeError for a cube of anything but the study or the smoke study, and where a journal is not there.
    """
    cube = api.open_cube(path)
    name = pages.SIZES.get(cube.attrs["title"])
    if name is None:
        known = " or ".join(repr(title) for title in pages.SIZES)
        raise CubeError(f"{path} is of {cube.attrs['title']!r}; only a cube of {known} is kept here")
    told = json.dumps(summary(cube, journals or [journal_path(path)]), indent=1, ensure_ascii=False)
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / f"{name}.nc"
    shutil.copyfile(path, copy)
    copy.with_suffix(".json").write_text(told + "\n", encoding="utf-8")
    if name == pages.STUDY:
        page.write(cube, copy.with_suffix(".html"))
    return copy


if __name__ == "__main__":
    cube, *journals = map(Path, sys.argv[1:])
    try:
        print(keep(cube, journals))
    except DlasError as problem:
        print(f"keep.py: {problem}", file=sys.stderr)
        sys.exit(2)
