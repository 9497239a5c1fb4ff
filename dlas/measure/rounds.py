"""The rounds of one block in one set of fresh processes: who is stepped when, and when a cell has had enough."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np

from dlas.errors import BuildFailed
from dlas.measure.clocks import Repetition
from dlas.measure.pace import Pace
from dlas.measure.samples import Samples, collect, latency_logs, paired_logs
from dlas.measure.statistics import half_interval

FIRST_LOOK = 16  # rounds; then whenever they have doubled, so that looking does not shrink the interval
LEAST_ROUNDS = 4  # even where the budget is too small for them

S = TypeVar("S")


class Steppable(Protocol):
    """What the rounds need of a session."""

    def pace(self) -> Pace:
        """Warm up and find the pace."""

    def step(self, pace: Pace, expected: float) -> Sequence[Repetition]:
        """One step, which should take so many seconds."""

    def rest(self) -> None:
        """Return when it leaves the processors to others."""


@dataclass(frozen=True)
class Limits:
    """When a cell has had enough in one process: relative half-interval, and seconds of its own steps."""

    margin: float
    budget: float


@dataclass
class Member:
    """A cell in the rounds: what it was timed for so far, and why it stopped."""

    session: Steppable
    wall: bool
    frozen: Pace | None = None
    steps: list[tuple[int, int, Sequence[Repetition]]] = field(default_factory=list)
    spent: float = 0.0
    outcome: str = ""  # "margin", "budget" or "failed" once it stopped
    problem: BuildFailed | None = None

    @property
    def samples(self) -> Samples:
        """All repetitions so far."""
        return collect(self.steps)


def loading_order(subjects: Sequence[S], seed: int) -> list[S]:
    """The order in which children are loaded: what loads later was seen up to 5 % faster, so chance decides.

    An odd seed gives the even one's order before it in reverse: of three processes with seeds that follow each other
    never all load two children in the same order, which their agreement would hide.
    """
    order = np.random.default_rng(seed // 2).permutation(len(subjects))
    return [subjects[number] for number in (reversed(order) if seed % 2 else order)]


def run_rounds(
    members: Mapping[str, Member],
    companions: Sequence[str],
    limits: Limits,
    seed: int,
    now: Callable[[], float] = time.monotonic,
    report: Callable[[Mapping[str, Member]], None] = lambda _: None,
) -> None:
    """Step all members in turn until each has met the margin or used up its budget.

    `companions` are the baseline and the reference kernel: they are in every round, whatever they have had.
    The first companion is the one that the others are paired with.
    """
    generator = np.random.default_rng(seed)
    for member in members.values():
        _guard(member, _warm_up)
    order: list[str] = []
    number, look = 0, FIRST_LOOK
    while waiting := [key for key, member in members.items() if not member.outcome]:
        if set(waiting) <= set(companions[1:]):
            break  # only the reference kernel is left
        stepped = [key for key in members if not members[key].outcome or key in companions]
        shuffled = [str(key) for key in generator.permutation(stepped)]
        order = shuffled if number % 2 == 0 else [key for key in reversed(order) if key in stepped]
        for key in order:
            _guard(members[key], lambda member: _step(member, number, now))  # noqa: B023 - called at once
        number += 1
        if number >= look:
            look *= 2
            _stop_precise(members, companions, limits)
        for member in members.values():
            if not member.outcome and member.spent >= limits.budget and number >= LEAST_ROUNDS:
                member.outcome = "budget"
        report(members)


def _guard(member: Member, act: Callable[[Member], None]) -> None:
    """Do something with a member's child; if the child fails, only this member is out."""
    if member.outcome == "failed":
        return
    try:
        act(member)
    except BuildFailed as problem:
        member.outcome, member.problem = "failed", problem


def _warm_up(member: Member) -> None:
    """Warm the child up; the pace of the first process stays frozen in the others."""
    found = member.session.pace()
    member.session.rest()
    member.frozen = member.frozen or found


def _step(member: Member, number: int, now: Callable[[], float]) -> None:
    pace = member.frozen
    assert pace is not None
    expected = member.spent / number if number else 0.0
    start = now()
    found = member.session.step(pace, expected)
    member.spent += now() - start  # without the rest, or a pool that spins long would have fewer rounds
    member.session.rest()
    member.steps.append((number, pace.inner, found))


def _stop_precise(members: Mapping[str, Member], companions: Sequence[str], limits: Limits) -> None:
    anchor = members[companions[0]]
    reference = anchor.samples if anchor.outcome != "failed" else None
    for key, member in members.items():
        if member.outcome:
            continue
        if reference is None or key in companions:
            logs, _ = latency_logs(member.samples, member.wall)
        else:
            logs = paired_logs(member.samples, reference, member.wall or anchor.wall)
        if half_interval(logs) <= limits.margin:
            member.outcome = "margin"
