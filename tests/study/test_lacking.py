"""How many runs are left to do, where the baseline's child died or cannot run at all."""

import numpy as np
from handmade import BASELINE, HOST, plan_of, stack

from dlas.measure.samples import Samples
from dlas.study.journal import CellRow, RunRow
from dlas.study.lacking import lacking, wanted

TORCH = stack(codegen="torch")
PLAN = plan_of(TORCH)
KEYS = {cell.stack: cell.key for cell in PLAN.cells}
SAMPLES = Samples(np.array([0]), np.array([1.0]), np.array([1.0]), np.array([0]))


def measured(journal, *sets):
    """A block in which each of these sets of processes ended well for the cells in it."""
    session = journal.open_session("2024-02-29T12:00:00", HOST.fingerprint, {}, {}, 1)
    block = journal.open_block(session, HOST.fingerprint, PLAN.baseline.key, 1)
    rows = [RunRow(block, KEYS[c], n, "margin", 0.0, 9.0, {}, SAMPLES) for n, cells in enumerate(sets) for c in cells]
    journal.note_runs(rows)
    return session


def left(journal):
    return lacking(PLAN, journal, wanted(PLAN, journal))


def test_a_cell_whose_baseline_died_beside_it_is_measured_again(journal):
    measured(journal, (BASELINE, TORCH), (TORCH,), (BASELINE, TORCH))
    assert left(journal) == {KEYS[BASELINE]: 1, KEYS[TORCH]: 1}
    measured(journal, (BASELINE, TORCH))
    assert left(journal) == {}


def test_where_the_baseline_cannot_run_cells_are_measured_without_it(journal):
    session = measured(journal, (TORCH,), (TORCH,), (TORCH,))
    assert left(journal) == {KEYS[BASELINE]: 3, KEYS[TORCH]: 3}
    journal.note_cell(session, HOST.fingerprint, {}, CellRow(KEYS[BASELINE], "failed", "it died", None))
    assert left(journal) == {}
