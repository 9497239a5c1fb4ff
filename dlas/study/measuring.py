"""Measuring the cells of a plan, block by block, until each has the runs that are wanted on this host."""

import secrets
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dlas.artifacts import Store
from dlas.errors import BuildFailed
from dlas.measure.pace import Pace
from dlas.process import Died, Message, TooSlow
from dlas.study import proving
from dlas.study.crew import Bench
from dlas.study.journal import CellRow, Journal, RunRow
from dlas.study.lacking import Runs, lacking, limits
from dlas.study.plan import Cell, Plan
from dlas.study.progress import Listen, Progress, time_left
from dlas.study.proving import Admission
from dlas.study.timing import Order, Timed

BLOCK = 12  # cells beside the baseline
SETS = 3  # of processes in a row that may fail as a whole, as where somebody killed the reference kernel's child
TRIES = 2  # a child that died or hung while it was timed is given one more chance, in another set of processes


@dataclass(frozen=True)
class Task:
    """What is to be done on one host: its plan, the runs that its cells shall have, the cells that lack some.

    `session` is the journal's, of which they will be.
    """

    plan: Plan
    want: Runs
    todo: Sequence[Cell]
    session: int

    @property
    def name(self) -> str:
        """The host's."""
        return self.plan.baseline.at


class Measurer:
    """Has a task's cells timed on its host and writes what comes of it into the journal."""

    def __init__(self, task: Task, bench: Bench, store: Store, journal: Journal, listen: Listen) -> None:
        self._task = task
        self._plan = task.plan
        self._bench = bench
        self._store = store
        self._journal = journal
        self._listen = listen
        self._limits = limits(task.plan)
        self._cells = {cell.key: cell for cell in task.plan.possible}
        self._troubles: Counter[str] = Counter()
        self._paces: dict[str, Pace] = {}
        self._lost = 0

    def measure(self) -> None:
        """Measure until no cell lacks runs; another process that measures the same study shares the work."""
        self._total = sum(self._lacking().values())
        self._started = time.monotonic()
        while self._lacking():
            self.tell("waiting for the host's measuring lock")
            with self._bench.alone():
                missing = self._lacking()
                keys = list(missing)[:BLOCK]
                if keys:
                    self._block([self._cells[key] for key in keys], max(missing[key] for key in keys))

    def _lacking(self) -> dict[str, int]:
        """Runs that cells lack, as the journal has it now; kept for the progress that is told meanwhile."""
        found = lacking(self._plan, self._journal, self._task.want)
        self._left = sum(found.values())
        return found

    # --- one block

    def _block(self, cells: Sequence[Cell], sets: int) -> None:
        """Measure some cells beside the baseline in so many sets of fresh processes, or as many as still lack runs."""
        seed = secrets.randbits(31)
        baseline = self._plan.baseline
        block = self._journal.open_block(self._task.session, self._plan.host.fingerprint, baseline.key, seed)
        for process in range(sets):
            missing = self._lacking()
            going = [cell for cell in cells if cell.key in missing and cell != baseline]
            if going or (baseline in cells and baseline.key in missing):
                first = [baseline] if self._is_well(baseline) else []
                self._fresh_processes(block, process, [*first, *going], seed + process)

    def _is_well(self, cell: Cell) -> bool:
        row = self._row(cell)
        return cell.realisation is not None and (row is None or row.status == "ok")

    def _fresh_processes(self, block: int, process: int, cells: Sequence[Cell], seed: int) -> None:
        """One set of children, and what came of it, all or nothing."""
        scores = {c.key: score for c in cells if (score := self._score(c))}
        asked = self._plan.study.measure
        title = f"process {process + 1}"
        order = Order(tuple(cells), self._plan.baseline.key, scores, self._paces, self._limits, asked, seed, title)
        found = self._timed(order)
        margin, budget = self._limits.margin, self._limits.budget
        self._paces |= {timed.key: Pace(**timed.facts["pace"]) for timed in found}
        runs = [RunRow(block, t.key, process, t.outcome, margin, budget, t.facts, t.samples) for t in found]
        self._journal.note_runs(runs)
        self._lacking()

    def _score(self, cell: Cell) -> Message | None:
        """The cell's score, so that it is not scored again; None where an older journal's tells too little."""
        row = self._row(cell)
        score: Message | None = row.record["score"] if row and row.record else None
        return score if score and "quantised_agreement" in score else None

    def _timed(self, order: Order) -> list[Timed]:
        """What the bench timed; nothing where the set was lost, which leaves its cells lacking their runs."""
        try:
            found = self._bench.time(order, self)
        except BuildFailed as problem:
            self._lost += 1
            if self._lost == SETS:
                raise BuildFailed(
                    f"{SETS} sets of processes failed beside their cells, the last because {problem}; "
                    "see `dlas doctor`, then run again"
                ) from problem
            self.tell(f"{order.title} was lost ({problem}); it is done again")
            return []
        self._lost = 0
        return found

    def _row(self, cell: Cell) -> CellRow | None:
        return self._journal.cell(self._plan.host.fingerprint, cell.key)

    # --- what the bench tells

    def admitted(self, key: str, admission: Admission) -> None:
        """Note a cell's score and what was proven of it, unless that is known."""
        cell = self._cells[key]
        if admission.status != "ok" or self._row(cell) is None:
            record = {**proving.artifact_facts(cell, self._store), **admission.proven}
            self._note_cell(cell, CellRow(key, admission.status, admission.reason, record))

    def refused(self, key: str, reason: str) -> None:
        """Note that a cell cannot be."""
        self._note_cell(self._cells[key], CellRow(key, "inapplicable", reason, None))

    def trouble(self, key: str, problem: BuildFailed, doing: str) -> None:
        """Note a failure, unless somebody may have killed or stopped the child: then it is measured again."""
        self._troubles[key] += 1
        passing = isinstance(problem, Died) or (isinstance(problem, TooSlow) and doing == "measuring")
        if passing and self._troubles[key] < TRIES:
            return
        status = "timeout" if isinstance(problem, TooSlow) else "failed"
        self._note_cell(self._cells[key], CellRow(key, status, f"{doing}: {problem}", None))

    def _note_cell(self, cell: Cell, row: CellRow) -> None:
        self._journal.note_cell(self._task.session, self._plan.host.fingerprint, cell.stack.as_dict(), row)

    def tell(self, what: str) -> None:
        """Say how far it is."""
        done = self._total - self._left
        left = time_left(time.monotonic() - self._started, done, self._total)
        self._listen(Progress("measure", done, self._total, what, left))
