"""Cells that cannot be built: what was measured of them before stays."""

import numpy as np
import pytest
from handmade import BASELINE, HOST, plan_of, stack

from dlas.measure.samples import Samples
from dlas.study.building import Failure
from dlas.study.journal import CellRow, RunRow
from dlas.study.lacking import lacking
from dlas.study.measuring import Task
from dlas.study.run import _left

OTHER = stack(dataset="fashion-mnist@fashion")
PLAN = plan_of(OTHER)
KEYS = {cell.stack: cell.key for cell in PLAN.cells}
DATA = {cell.stack: cell.realisation.data.key for cell in PLAN.cells}
BROKEN = Failure("failed", "building fashion-mnist: no space left")
SAMPLES = Samples(np.array([0]), np.array([1.0]), np.array([1.0]), np.array([0]))


@pytest.fixture
def task(journal):
    """Two more runs of both cells."""
    session = journal.open_session("2024-02-29T12:00:00", HOST.fingerprint, {}, {}, 1)
    return Task(PLAN, dict.fromkeys(KEYS.values(), 3), PLAN.cells, session)


def measured(journal, task):
    block = journal.open_block(task.session, HOST.fingerprint, PLAN.baseline.key, 1)
    journal.note_runs([RunRow(block, key, 0, "margin", 0.0, 9.0, {}, SAMPLES) for key in KEYS.values()])
    for key in KEYS.values():
        journal.note_cell(task.session, HOST.fingerprint, {}, CellRow(key, "ok", "", {"size": 1}))


def status(journal, one):
    row = journal.cell(HOST.fingerprint, KEYS[one])
    return row.status if row else None


def test_a_cell_that_was_measured_stays_ok_and_gets_no_more_runs(journal, task):
    measured(journal, task)
    heard = []
    left = _left(journal, task, {DATA[OTHER]: BROKEN}, heard.append)
    assert status(journal, OTHER) == "ok"
    assert lacking(PLAN, journal, left.want) == {KEYS[BASELINE]: 2}
    assert [(told.phase, told.what) for told in heard] == [
        ("warning", f"dataset=fashion-mnist@fashion keeps what was measured before, no runs are added: {BROKEN.reason}")
    ]


def test_a_cell_that_was_never_measured_has_failed(journal, task):
    assert _left(journal, task, {DATA[OTHER]: BROKEN}, print) == task
    assert (status(journal, BASELINE), status(journal, OTHER)) == (None, "failed")


def test_a_status_without_runs_gives_way_to_the_failure(journal, task):
    journal.note_cell(task.session, HOST.fingerprint, {}, CellRow(KEYS[OTHER], "ok", "", {"size": 1}))
    _left(journal, task, {DATA[OTHER]: BROKEN}, print)
    assert status(journal, OTHER) == "failed"


def test_nothing_is_measured_beside_a_baseline_that_cannot_be_built_any_more(journal, task):
    measured(journal, task)
    heard = []
    assert _left(journal, task, {DATA[BASELINE]: BROKEN}, heard.append) is None
    assert status(journal, BASELINE) == "ok"
    assert len(heard) == 1
