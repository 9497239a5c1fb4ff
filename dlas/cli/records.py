"""`dlas records`: list, export, import, verify; and `dlas tune`, which adds some."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from dlas import api
from dlas.cli import arguments, progress
from dlas.errors import StoreError
from dlas.records import OK, Record, Records
from dlas.study import reading


def _records() -> Records:
    return Records(api.store().root)


def tune(file: Path, data: Sequence[str], retune: bool, quiet: bool) -> None:
    """Fill the tuning store for a study, nothing else; exit code 1 where an executable could not be tuned."""
    study = reading.read(file, arguments.places(data))
    with progress.shown(quiet) as listen:
        tuned, failures = api.tune(study, retune, listen)
    for reason in failures:
        print(reason)
    print(f"{tuned} tuned executables are there; {len(_records().all())} records in {_records().path}")
    if failures:
        raise SystemExit(1)


def listing() -> None:
    """Print a line a task: its trials, and how much faster than the default the best one is."""
    grouped: dict[str, list[Record]] = {}
    for record in _records().all():
        grouped.setdefault(record.key, []).append(record)
    for key, found in grouped.items():
        task = found[0].task
        ran = [record.ratio for record in found if record.status == OK]
        best = f"best {min(ran):.3f} of the default" if ran else "none ran"
        print(f"{key[:12]}  {task['primitive']} {task['target']} {task['kernel']}: {len(found)} trials, {best}")
    print(f"{sum(map(len, grouped.values()))} records of {len(grouped)} tasks in {_records().path}")


def export(out: Path) -> None:
    """Copy the records to a file that another store takes."""
    records = _records()
    count = len(records.all())
    if not count:
        raise StoreError(f"{records.path} holds no records; `dlas tune` makes some")
    try:
        shutil.copyfile(records.path, out)
    except OSError as problem:
        raise StoreError(f"{out} cannot be written ({problem}); name another file") from problem
    print(f"{count} records written to {out}")


def take(file: Path) -> None:
    """Add the records of a file, each once."""
    records = _records()
    new, lines = records.take(file)
    print(f"{new} of {lines} lines were new; {len(records.all())} records in {records.path}")


def verify(repair: bool) -> None:
    """Check every line; exit code 1 if any is damaged and stays."""
    records = _records()
    damaged = records.damaged()
    if damaged and repair:
        print(f"{records.repair()} damaged lines dropped")
    elif damaged:
        print(f"damaged lines: {', '.join(map(str, damaged))}")
        raise SystemExit(1)
    print(f"{len(records.all())} records are whole")
