"""Put a measured cube where it is committed, with what it was measured in, how often, and its report.

python studies/across-stack/keep.py artifacts/across-stack/study.nc
"""

import json
import shutil
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pages
import xarray as xr

from dlas import api
from dlas.analysis.quantities import flat
from dlas.report import page


def summary(cube: xr.Dataset, journal: Path) -> dict[str, Any]:
    """Host, environment and noise of the measuring; cells by status; sessions, blocks and runs in the journal."""
    statuses = Counter(status for status in flat(cube, "status") if status != "unplanned")
    told = {name: json.loads(cube.attrs[name]) for name in ("host", "environment", "noise", "measured")}
    return {**told, "digest": cube.attrs["digest"], "cells": dict(statuses), "journal": _counted(journal)}


def _counted(journal: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        return {
            f"{table}s": connection.execute(f"select count(*) from {table}").fetchone()[0]  # noqa: S608 - of this list
            for table in ("session", "block", "run")
        }


def keep(path: Path, folder: Path = pages.REFERENCE) -> Path:
    """Copy the cube; write the summary and, for the study itself, the report beside it. Returns the copy."""
    cube = api.open_cube(path)
    folder.mkdir(parents=True, exist_ok=True)
    name = pages.SMOKE if pages.is_smoke(cube) else "study"
    copy = folder / f"{name}.nc"
    shutil.copyfile(path, copy)
    told = json.dumps(summary(cube, path.with_suffix(".journal")), indent=1, ensure_ascii=False)
    copy.with_suffix(".json").write_text(told + "\n", encoding="utf-8")
    if name != pages.SMOKE:
        page.write(cube, copy.with_suffix(".html"))
    return copy


if __name__ == "__main__":
    print(keep(Path(sys.argv[1])))
