"""Who is measured again, and how often, when children die beside each other; a bench by hand stands for the host."""

from contextlib import nullcontext

import numpy as np
import pytest
from handmade import HOST, plan_of, stack

from dlas.errors import BuildFailed
from dlas.measure.samples import Samples
from dlas.process import Died
from dlas.study.journal import CellRow, RunRow
from dlas.study.lacking import lacking, wanted
from dlas.study.measuring import SETS, Measurer, Task
from dlas.study.timing import Timed

TORCH = stack(codegen="torch")
PLAN = plan_of(TORCH)
BASELINE, CELL = (cell.key for cell in PLAN.cells)
SAMPLES = Samples(np.array([0]), np.array([1.0]), np.array([1.0]), np.array([0]))
FACTS = {"pace": {"inner": 1, "repetitions": 1, "discarded": 0.0}}
KILLED = Died("its process was killed by SIGKILL")


class Bench:
    """Times each set as the next of `script` says: a function of the order and the notes."""

    def __init__(self, *script):
        self.script = [*script]
        self.asked = []

    def alone(self):
        return nullcontext()

    def time(self, order, notes):
        self.asked.append([cell.key for cell in order.cells])
        act = self.script.pop(0) if self.script else well
        return act(order, notes)


def well(order, notes, but=()):
    return [Timed(cell.key, "margin", FACTS, SAMPLES) for cell in order.cells if cell.key not in but]


def kernel_killed(order, notes):
    raise KILLED


def baseline_killed(order, notes):
    notes.trouble(BASELINE, KILLED, "measuring")
    return well(order, notes, but=(BASELINE,))


def measure(journal, *script):
    """Measure on such a bench; the bench, and what was said meanwhile."""
    session = journal.open_session("2024-02-29T12:00:00", HOST.fingerprint, {}, {}, 1)
    bench, heard = Bench(*script), []
    task = Task(PLAN, wanted(PLAN, journal), PLAN.cells, session)
    Measurer(task, bench, None, journal, heard.append).measure()
    assert lacking(PLAN, journal, wanted(PLAN, journal)) == {}
    return bench, [told.what for told in heard]


def runs(journal):
    return sorted((run.cell, run.block, run.process) for run in journal.runs(HOST.fingerprint))


def test_a_set_whose_reference_kernel_was_killed_is_done_again(journal):
    bench, said = measure(journal, well, kernel_killed, kernel_killed)
    assert len(bench.asked) == 5
    assert len(runs(journal)) == 6
    assert f"process 2 was lost ({KILLED}); it is done again" in said


def test_sets_that_are_lost_again_and_again_end_the_study_with_one_sentence(journal):
    with pytest.raises(BuildFailed) as problem:
        measure(journal, well, *[kernel_killed] * SETS)
    assert str(problem.value) == (
        f"3 sets of processes failed beside their cells, the last because {KILLED}; see `dlas doctor`, then run again"
    )
    assert len(runs(journal)) == 2, "what was measured before is kept"


def test_a_cell_whose_baseline_was_killed_is_measured_again_beside_another(journal):
    bench, _ = measure(journal, well, baseline_killed)
    assert bench.asked == [[BASELINE, CELL]] * 4
    beside = {(block, process) for cell, block, process in runs(journal) if cell == BASELINE}
    assert len([run for run in runs(journal) if run[0] == CELL and run[1:] in beside]) == 3


def test_a_baseline_that_dies_twice_has_failed_and_the_others_are_measured_without_it(journal):
    bench, _ = measure(journal, baseline_killed, baseline_killed)
    assert journal.cell(HOST.fingerprint, BASELINE).status == "failed"
    assert bench.asked[2:] == [[CELL]]
    assert {cell for cell, *_ in runs(journal)} == {CELL}


def test_another_run_that_finishes_the_work_meanwhile_ends_this_one(journal):
    """On the host of a worker nothing is locked here, so another run may note its processes at any moment."""

    def both(order, notes):
        for process in range(3):
            session = journal.open_session("2024-02-29T12:00:00", HOST.fingerprint, {}, {}, 1)
            block = journal.open_block(session, HOST.fingerprint, BASELINE, 1)
            rows = [RunRow(block, key, process, "margin", 0.0, 9.0, FACTS, SAMPLES) for key in (BASELINE, CELL)]
            journal.note_runs(rows)
        return well(order, notes)

    bench, _ = measure(journal, both)
    assert len(bench.asked) == 1


def test_what_another_run_finished_before_a_block_was_opened_is_not_measured(journal, monkeypatch):
    opened = journal.open_block

    def late(*arguments):
        block = opened(*arguments)
        rows = [
            RunRow(block, key, 9 + n, "margin", 0.0, 9.0, FACTS, SAMPLES) for key in (BASELINE, CELL) for n in range(3)
        ]
        journal.note_runs(rows)
        return block

    monkeypatch.setattr(journal, "open_block", late)
    bench, _ = measure(journal)
    assert bench.asked == []


@pytest.mark.parametrize(("score", "sent"), [({"quantised_agreement": None}, True), ({"agreement": 1.0}, False)])
def test_a_score_of_an_older_journal_that_tells_too_little_is_made_again(journal, score, sent):
    session = journal.open_session("2024-02-29T12:00:00", HOST.fingerprint, {}, {}, 1)
    journal.note_cell(session, HOST.fingerprint, {}, CellRow(CELL, "ok", "", {"score": score}))
    told = []

    def look(order, notes):
        told.append(order.scores)
        return well(order, notes)

    measure(journal, look)
    assert told == [{CELL: score} if sent else {}]
