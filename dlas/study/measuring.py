"""Measuring the cells of a plan, block by block, until each has enough runs on this host."""

import secrets
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dlas.artifacts import Store
from dlas.errors import BuildFailed
from dlas.measure.lock import measuring_lock
from dlas.measure.pace import Pace
from dlas.measure.rounds import Limits, Member, run_rounds
from dlas.measure.session import KernelSession, Session
from dlas.process import Died, TooSlow
from dlas.study import proving
from dlas.study.journal import KERNEL, CellRow, Journal, RunRow
from dlas.study.plan import Cell, Plan
from dlas.study.progress import Listen, Progress, time_left

BLOCK = 12  # cells beside the baseline
TRIES = 2  # a child that died is given one more chance, in another set of processes


class Measurer:
    """Measures a plan's cells into a journal; one at a time on a host."""

    def __init__(self, plan: Plan, store: Store, journal: Journal, session: int, listen: Listen) -> None:
        self._plan = plan
        self._store = store
        self._journal = journal
        self._session = session
        self._listen = listen
        self._host = plan.host.fingerprint
        asked = plan.study.measure
        self._limits = Limits(asked.margin, asked.budget / asked.processes)
        self._deaths: Counter[str] = Counter()
        self._paces: dict[str, Pace] = {}
        self._loaded: dict[str, Mapping[str, Any]] = {}

    def measure(self) -> None:
        """Measure until no cell lacks runs; another process that measures the same study shares the work."""
        self._total = self._runs_lacking()
        self._started = time.monotonic()
        while self._lacking(self._plan.possible):
            self._tell("waiting for the host's measuring lock")
            with measuring_lock():
                lacking = self._lacking(self._plan.possible)
                if lacking:
                    self._block(lacking[:BLOCK])

    def _lacking(self, cells: Iterable[Cell]) -> list[Cell]:
        """Those of some cells that have not ended otherwise and do not have enough runs."""
        enough = self._enough()
        ended = {key for key, row in self._journal.cells(self._host).items() if row.status != "ok"}
        wanted = self._plan.study.measure.processes
        return [cell for cell in cells if cell.key not in ended and enough.get(cell.key, 0) < wanted]

    def _enough(self) -> dict[str, int]:
        baseline = self._plan.baseline.key
        return self._journal.enough(self._host, baseline, self._limits.margin, self._limits.budget)

    def _runs_lacking(self) -> int:
        enough = self._enough()
        wanted = self._plan.study.measure.processes
        return sum(wanted - enough.get(cell.key, 0) for cell in self._lacking(self._plan.possible))

    def _block(self, cells: Sequence[Cell]) -> None:
        """Measure some cells beside the baseline in as many sets of fresh processes as they lack runs."""
        seed = secrets.randbits(31)
        baseline = self._plan.baseline
        block = self._journal.open_block(self._session, self._host, baseline.key, seed)
        for process in range(self._plan.study.measure.processes):
            lacking = self._lacking(cells)
            if not lacking:
                break
            alive = self._lacking([baseline]) or self._ended_well(baseline)
            self._fresh_processes(block, process, [*alive, *(c for c in lacking if c != baseline)], seed + process)

    def _ended_well(self, cell: Cell) -> list[Cell]:
        row = self._journal.cells(self._host).get(cell.key)
        return [cell] if row and row.status == "ok" else []

    def _fresh_processes(self, block: int, process: int, cells: Sequence[Cell], seed: int) -> None:
        opened: dict[str, Session] = {}
        try:
            rows = self._journal.cells(self._host)
            for cell in cells:
                self._tell(f"loading {cell.label}")
                session = self._open(cell, rows.get(cell.key))
                if session:
                    opened[cell.key] = session
            if opened:
                kernel = KernelSession(
                    proving.subject(cells[0], self._store, self._plan.host), self._plan.study.measure.timeout
                )
                opened[KERNEL] = kernel
                kernel.load()
                members = {k: Member(s, s.subject.wall, self._paces.get(k)) for k, s in opened.items()}
                self._run(members, cells, process, seed)
                self._note(block, process, members, opened)
        finally:
            for session in opened.values():
                session.close()

    def _open(self, cell: Cell, row: CellRow | None) -> Session | None:
        """A proven session, or None with the reason noted."""
        try:
            score = row.record["score"] if row and row.record else None
            admitted = proving.admit(cell, self._store, self._plan.host, score, self._plan.study.measure)
        except BuildFailed as problem:
            self._note_failure(cell, problem, "loading")
            return None
        self._loaded[cell.key] = admitted.loaded
        if row is None or admitted.status != "ok":
            self._note_cell(cell, CellRow(cell.key, admitted.status, admitted.reason, admitted.record))
        return admitted.session

    def _run(self, members: Mapping[str, Member], cells: Sequence[Cell], process: int, seed: int) -> None:
        baseline = self._plan.baseline.key
        companions = [key for key in (baseline, KERNEL) if key in members]
        processes = self._plan.study.measure.processes
        what = f"{len(cells)} cells, processes {process + 1} of {processes}"

        def report(now: Mapping[str, Member]) -> None:
            busy = sum(not member.outcome for key, member in now.items() if key != KERNEL)
            self._tell(f"{what}, {busy} still measured")

        run_rounds(members, companions, self._limits, seed, report=report)
        for cell in cells:
            member = members.get(cell.key)
            if member and member.outcome == "failed" and member.problem:
                self._note_failure(cell, member.problem, "measuring")

    def _note(self, block: int, process: int, members: Mapping[str, Member], opened: Mapping[str, Session]) -> None:
        runs = []
        for key, member in members.items():
            if member.outcome == "failed" or not member.steps:
                continue
            self._paces[key] = member.frozen or self._paces[key]
            session = opened[key]
            facts = {
                **self._loaded.get(key, {}),
                "clock": session.clock,
                "peak_memory": session.peak_memory,
                "pace": vars(self._paces[key]),
                "wall": member.wall,
            }
            outcome = member.outcome or "margin"
            runs.append(
                RunRow(block, key, process, outcome, self._limits.margin, self._limits.budget, facts, member.samples)
            )
        self._journal.note_runs(runs)

    def _note_failure(self, cell: Cell, problem: BuildFailed, doing: str) -> None:
        self._deaths[cell.key] += 1
        if isinstance(problem, Died) and self._deaths[cell.key] < TRIES:
            return  # perhaps somebody killed it: it is measured again
        status = "timeout" if isinstance(problem, TooSlow) else "failed"
        self._note_cell(cell, CellRow(cell.key, status, f"{doing}: {problem}", None))

    def _note_cell(self, cell: Cell, row: CellRow) -> None:
        self._journal.note_cell(self._session, self._host, cell.stack.as_dict(), row)

    def _tell(self, what: str) -> None:
        done = self._total - self._runs_lacking()
        left = time_left(time.monotonic() - self._started, done, self._total)
        self._listen(Progress("measure", done, self._total, what, left))
