"""Running a study: plan, build, measure. What was done before is never done again."""

import datetime
import os
import platform
import secrets
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from dlas import fingerprint, host
from dlas.artifacts import Store
from dlas.errors import CubeError
from dlas.study.building import Builder, Failure
from dlas.study.journal import CellRow, Journal
from dlas.study.lacking import Runs, lacking, wanted
from dlas.study.measuring import Measurer
from dlas.study.plan import Cell, Plan, journal_path, plan
from dlas.study.progress import Listen
from dlas.study.spec import Study

PACKAGES = ("dlas", "numpy", "torch", "onnx", "onnxscript", "onnxruntime", "openvino", "torch-pruning", "scikit-learn")


def run(study: Study, store: Store, out: Path, jobs: int, listen: Listen, retry: bool = False, more: int = 0) -> Plan:
    """Build and measure whatever a study lacks; returns its plan.

    `retry` gives cells that ended badly another chance; `more` runs are added to every cell that has enough.
    """
    planned = plan(study, host.probe())
    _make_place_for(out)
    store.prepare()
    with closing(Journal(journal_path(out))) as journal:
        if retry:
            journal.forget_failures(planned.host.fingerprint, [cell.key for cell in planned.possible])
        want = wanted(planned, journal, more)
        todo = _todo(planned, journal, want)
        if todo:
            session = _open_session(journal, planned)
            failures = Builder(store, jobs, study.build_timeout, listen).build(planned.steps(todo))
            _note_failures(journal, session, planned, todo, failures)
            Measurer(planned, store, journal, session, want, listen).measure()
    return planned


def unfinished(planned: Plan, out: Path) -> list[Cell]:
    """What `run` would have to measure; without a journal everything."""
    if not journal_path(out).exists():
        return list(planned.possible)
    with closing(Journal(journal_path(out))) as journal:
        return _todo(planned, journal, wanted(planned, journal))


def _todo(planned: Plan, journal: Journal, want: Runs) -> list[Cell]:
    """Cells that lack runs, and the baseline, which every block needs."""
    missing = lacking(planned, journal, want)
    return [cell for cell in planned.possible if cell.key in missing or (missing and cell == planned.baseline)]


def _make_place_for(out: Path) -> None:
    if out.suffix != ".nc":
        raise CubeError(f"--out {out} must end in .nc; the journal is written beside it")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise CubeError(f"folder {out.parent} cannot be made ({os.strerror(problem.errno or 0).lower()})") from problem


def _open_session(journal: Journal, planned: Plan) -> int:
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    environment = {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "packages": {name: version for name in PACKAGES if (version := fingerprint.package_version(name))},
    }
    seed = secrets.randbits(31)
    return journal.open_session(started, planned.host.fingerprint, asdict(planned.host), environment, seed)


def _note_failures(
    journal: Journal, session: int, planned: Plan, todo: list[Cell], failures: Mapping[str, Failure]
) -> None:
    for cell in todo:
        steps = cell.realisation.steps if cell.realisation else ()
        failure = next((failures[step.key] for step in steps if step.key in failures), None)
        if failure:
            row = CellRow(cell.key, failure.status, failure.reason, None)
            journal.note_cell(session, planned.host.fingerprint, cell.stack.as_dict(), row)
