"""Measuring the cells of a plan, block by block, until each has the runs that are wanted on this host."""

import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dlas.artifacts import Store
from dlas.errors import BuildFailed, Inapplicable
from dlas.measure.lock import measuring_lock
from dlas.measure.pace import Pace
from dlas.measure.rounds import Member, run_rounds
from dlas.measure.session import KernelSession, Session
from dlas.measure.surroundings import throttling
from dlas.process import Died, TooSlow
from dlas.study import proving
from dlas.study.journal import KERNEL, CellRow, Journal, RunRow
from dlas.study.lacking import Runs, lacking, limits
from dlas.study.plan import Cell, Plan
from dlas.study.progress import Listen, Progress, time_left

BLOCK = 12  # cells beside the baseline
TRIES = 2  # a child that died or hung while it was timed is given one more chance, in another set of processes


class Measurer:
    """Measures a plan's cells into a journal; one at a time on a host."""

    def __init__(self, plan: Plan, store: Store, journal: Journal, session: int, want: Runs, listen: Listen) -> None:
        self._plan = plan
        self._store = store
        self._journal = journal
        self._session = session
        self._want = want
        self._listen = listen
        self._limits = limits(plan)
        self._cells = {cell.key: cell for cell in plan.possible}
        self._troubles: Counter[str] = Counter()
        self._paces: dict[str, Pace] = {}
        self._loaded: dict[str, Mapping[str, Any]] = {}

    def measure(self) -> None:
        """Measure until no cell lacks runs; another process that measures the same study shares the work."""
        self._total = sum(self._lacking().values())
        self._started = time.monotonic()
        while self._lacking():
            self._tell("waiting for the host's measuring lock")
            with measuring_lock():
                keys = list(self._lacking())
                if keys:
                    self._block([self._cells[key] for key in keys[:BLOCK]])

    def _lacking(self) -> dict[str, int]:
        """Runs that cells lack, as the journal has it now; kept for the progress that is told meanwhile."""
        found = lacking(self._plan, self._journal, self._want)
        self._left = sum(found.values())
        return found

    # --- one block

    def _block(self, cells: Sequence[Cell]) -> None:
        """Measure some cells beside the baseline in as many sets of fresh processes as they lack runs."""
        seed = secrets.randbits(31)
        baseline = self._plan.baseline
        block = self._journal.open_block(self._session, self._plan.host.fingerprint, baseline.key, seed)
        for process in range(max(self._lacking().values())):
            missing = self._lacking()
            going = [cell for cell in cells if cell.key in missing and cell != baseline]
            if going or (baseline in cells and baseline.key in missing):
                first = [baseline] if self._is_well(baseline) else []
                self._fresh_processes(block, process, [*first, *going], seed + process)

    def _is_well(self, cell: Cell) -> bool:
        return self._journal.statuses(self._plan.host.fingerprint).get(cell.key, "ok") == "ok"

    def _fresh_processes(self, block: int, process: int, cells: Sequence[Cell], seed: int) -> None:
        """One set of children: open and prove them, run the rounds, note what came of it, all or nothing."""
        opened: dict[str, Session] = {}
        throttled = throttling().times
        try:
            for cell in cells:
                self._tell(f"loading {cell.label}")
                session = self._open(cell)
                if session:
                    opened[cell.key] = session
            if not opened:
                return
            opened[KERNEL] = self._open_kernel(cells[0])
            members = {k: Member(s, s.subject.wall, self._paces.get(k)) for k, s in opened.items()}
            self._run(members, f"{len(opened) - 1} cells, process {process + 1}", seed)
            self._note(block, process, members, opened, throttling().times - throttled)
        finally:
            for session in opened.values():
                session.close()

    def _open(self, cell: Cell) -> Session | None:
        """A proven session, or None with the reason noted."""
        row = self._journal.cell(self._plan.host.fingerprint, cell.key)
        score = row.record["score"] if row and row.record else None
        try:
            admitted = proving.admit(cell, self._store, self._plan.host, score, self._plan.study.measure)
        except Inapplicable as problem:
            self._note_cell(cell, CellRow(cell.key, "inapplicable", str(problem), None))
            return None
        except BuildFailed as problem:
            self._note_trouble(cell, problem, "loading")
            return None
        self._loaded[cell.key] = admitted.loaded
        if row is None or admitted.status != "ok":
            self._note_cell(cell, CellRow(cell.key, admitted.status, admitted.reason, admitted.record))
        return admitted.session

    def _open_kernel(self, cell: Cell) -> Session:
        """The reference kernel, in a child like those of the cells."""
        subject = proving.subject(cell, self._store, self._plan.host)
        session = KernelSession(subject, self._plan.study.measure.timeout)
        session.load()
        return session

    def _run(self, members: Mapping[str, Member], what: str, seed: int) -> None:
        def report(now: Mapping[str, Member]) -> None:
            self._tell(f"{what}, {sum(not m.outcome for k, m in now.items() if k != KERNEL)} still measured")

        companions = [key for key in (self._plan.baseline.key, KERNEL) if key in members]
        run_rounds(members, companions, self._limits, seed, report=report)
        for key, member in members.items():
            if member.problem and key in self._cells:
                self._note_trouble(self._cells[key], member.problem, "measuring")

    # --- what came of it

    def _note(
        self, block: int, process: int, members: Mapping[str, Member], opened: Mapping[str, Session], throttled: int
    ) -> None:
        runs = []
        for key, member in members.items():
            if member.outcome == "failed" or member.frozen is None or not member.steps:
                continue
            self._paces[key] = member.frozen
            facts = {
                **self._loaded.get(key, {}),
                "clock": opened[key].clock,
                "peak_memory": opened[key].peak_memory,
                "pace": vars(member.frozen),
                "wall": member.wall,
                "throttled": throttled,
            }
            asked = self._limits
            runs.append(RunRow(block, key, process, member.outcome, asked.margin, asked.budget, facts, member.samples))
        self._journal.note_runs(runs)
        self._lacking()

    def _note_trouble(self, cell: Cell, problem: BuildFailed, doing: str) -> None:
        """Note a failure, unless somebody may have killed or stopped the child: then it is measured again."""
        self._troubles[cell.key] += 1
        passing = isinstance(problem, Died) or (isinstance(problem, TooSlow) and doing == "measuring")
        if passing and self._troubles[cell.key] < TRIES:
            return
        status = "timeout" if isinstance(problem, TooSlow) else "failed"
        self._note_cell(cell, CellRow(cell.key, status, f"{doing}: {problem}", None))

    def _note_cell(self, cell: Cell, row: CellRow) -> None:
        self._journal.note_cell(self._session, self._plan.host.fingerprint, cell.stack.as_dict(), row)

    def _tell(self, what: str) -> None:
        done = self._total - self._left
        left = time_left(time.monotonic() - self._started, done, self._total)
        self._listen(Progress("measure", done, self._total, what, left))
