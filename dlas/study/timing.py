"""One set of fresh processes on the host where this runs: cells are opened, proven and timed beside each other.

It knows no journal and no plan, so that it runs in whatever process stands on the measuring host.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from dlas.artifacts import Store
from dlas.errors import BuildFailed, Inapplicable
from dlas.host import Host
from dlas.measure.pace import Pace
from dlas.measure.rounds import Limits, Member, loading_order, run_rounds
from dlas.measure.samples import Samples
from dlas.measure.session import KernelSession, Session, Subject
from dlas.measure.surroundings import throttling
from dlas.process import Message
from dlas.study import proving
from dlas.study.journal import KERNEL
from dlas.study.plan import Cell
from dlas.study.proving import Admission
from dlas.study.spec import Measure


@dataclass(frozen=True)
class Order:
    """What one set is asked for: cells, which of them the others are paired with, and what is known of them by key."""

    cells: tuple[Cell, ...]
    baseline: str
    scores: Mapping[str, Message]
    paces: Mapping[str, Pace]
    limits: Limits
    measure: Measure
    seed: int
    title: str


@dataclass(frozen=True)
class Timed:
    """What one child was timed for, the reference kernel's among them; `facts` is what the journal keeps of it."""

    key: str
    outcome: str
    facts: Mapping[str, Any]
    samples: Samples


class Notes(Protocol):
    """Who is told what happens, as it happens."""

    def admitted(self, key: str, admission: Admission) -> None:
        """A cell was opened and judged; raises BuildFailed if nothing can be said of it."""

    def refused(self, key: str, reason: str) -> None:
        """A cell turned out to be inapplicable."""

    def trouble(self, key: str, problem: BuildFailed, doing: str) -> None:
        """A cell's child failed while it was loading or measuring."""

    def tell(self, what: str) -> None:
        """Something for whoever watches."""


def time_cells(order: Order, store: Store, host: Host, notes: Notes) -> list[Timed]:
    """Open and prove the cells, run the rounds; all that was timed, or nothing where no cell could be opened.

    Raises BuildFailed where the reference kernel's child fails before the rounds.
    """
    opened: dict[str, Session] = {}
    throttled = throttling().times
    try:
        for cell in loading_order(order.cells, order.seed):
            notes.tell(f"loading {cell.label}")
            _open(cell, order, store, host, notes, opened)
        if not opened:
            return []
        opened[KERNEL] = _open_kernel(next(opened[c.key].subject for c in order.cells if c.key in opened), order)
        members = {k: Member(s, s.subject.wall, order.paces.get(k)) for k, s in opened.items()}
        _run(members, order, notes)
        meanwhile = throttling().times - throttled
        return [_timed(key, member, opened[key], meanwhile) for key, member in _well(members)]
    finally:
        for session in opened.values():
            session.close()


def _open(cell: Cell, order: Order, store: Store, host: Host, notes: Notes, opened: dict[str, Session]) -> None:
    """Add the cell's session to those that are open, unless it may not be timed."""
    try:
        admission = proving.admit(cell, store, host, order.scores.get(cell.key), order.measure)
        if admission.session:
            opened[cell.key] = admission.session
        notes.admitted(cell.key, admission)
    except Inapplicable as problem:
        notes.refused(cell.key, str(problem))
    except BuildFailed as problem:
        notes.trouble(cell.key, problem, "loading")


def _open_kernel(beside: Subject, order: Order) -> Session:
    """The reference kernel, in a child like that of the first cell."""
    session = KernelSession(replace(beside, key=KERNEL), order.measure.timeout)
    try:
        session.load()
    except BuildFailed:
        session.close()
        raise
    return session


def _run(members: Mapping[str, Member], order: Order, notes: Notes) -> None:
    def report(now: Mapping[str, Member]) -> None:
        waiting = sum(not member.outcome for key, member in now.items() if key != KERNEL)
        notes.tell(f"{len(now) - 1} cells, {order.title}, {waiting} still measured")

    companions = [key for key in (order.baseline, KERNEL) if key in members]
    run_rounds(members, companions, order.limits, order.seed, report=report)
    for key, member in members.items():
        if member.problem and key != KERNEL:
            notes.trouble(key, member.problem, "measuring")


def _well(members: Mapping[str, Member]) -> list[tuple[str, Member]]:
    return [(key, m) for key, m in members.items() if m.outcome != "failed" and m.frozen is not None and m.steps]


def _timed(key: str, member: Member, session: Session, throttled: int) -> Timed:
    facts = {
        **session.loaded,
        "clock": session.clock,
        "processors": session.processors,
        "pace": vars(member.frozen),
        "wall": member.wall,
        "throttled": throttled,
    }
    return Timed(key, member.outcome, facts, member.samples)
