"""Comparing executables as a study does, without a study: build, fresh processes, rounds, intervals of ratios."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlas import host, realise
from dlas.artifacts import Store
from dlas.measure.lock import measuring_lock
from dlas.measure.pace import Pace
from dlas.measure.rounds import Limits, Member, loading_order, run_rounds
from dlas.measure.samples import Samples, latency_logs, paired_logs
from dlas.measure.session import KernelSession, Session, Subject
from dlas.measure.statistics import CONFIDENCE, Interval, over_processes, spread_between
from dlas.stack import Stack
from dlas.study import proving
from dlas.study.building import Builder
from dlas.study.plan import Cell
from dlas.study.progress import nobody

PROCESSES = 3  # sets of fresh processes, a study's default
TIMEOUT = 120.0  # s that a child may take to load or to warm up, a study's default
BUILD_TIMEOUT = 3600.0  # s of one step, a study's default
RESAMPLES = 4000
KERNEL = "kernel"

Beside = Callable[[], AbstractContextManager[object]]
Floats = NDArray[np.float64]


# --- building -----------------------------------------------------------------------------------------------------


@contextmanager
def built(stacks: Sequence[Stack], places: realise.Places = ()) -> Iterator[list[Subject]]:
    """The stacks' executables, in a store that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        store.prepare()
        cells = [_cell(stack, places) for stack in stacks]
        steps = {step.key: step for _, realisation in cells for step in realisation.steps}
        jobs = host.probe().usable_threads
        for failure in Builder(store, jobs, BUILD_TIMEOUT, nobody).build(list(steps.values())).values():
            raise SystemExit(failure.reason)
        yield [proving.subject(cell, store, host.probe()) for cell, _ in cells]


def _cell(stack: Stack, places: realise.Places) -> tuple[Cell, realise.Realisation]:
    obstacle = realise.obstacle(stack, host.probe(), places)
    if obstacle:
        raise SystemExit(obstacle)
    realisation = realise.realisation(stack, places, host.probe())
    return Cell(stack, stack.model, realisation.executable.key, realisation), realisation


# --- measuring ----------------------------------------------------------------------------------------------------


def compare(subjects: Sequence[Subject], limits: Limits, seed: int, beside: Beside = nullcontext) -> list[Interval]:
    """The ratio of each subject's time to the first's, from one block in three sets of fresh processes.

    A subject may occur twice. `beside` is entered while a set is warmed up and timed, not while it loads.
    """
    sets = _block(subjects, limits, seed, beside)
    wall = subjects[0].wall or any(subject.wall for subject in subjects)
    ratios = [[paired_logs(found[i], found[0], wall) for found in sets] for i in range(1, len(subjects))]
    lent = spread_between(ratios)
    return [over_processes(logs, lent).exp() for logs in ratios]


def latency(subject: Subject, limits: Limits, seed: int) -> Interval:
    """Seconds of one inference, from three fresh processes."""
    logs = [latency_logs(found[0], subject.wall)[0] for found in _block([subject], limits, seed, nullcontext)]
    return over_processes(logs, spread_between([logs])).exp()


def call_overhead(subject: Subject) -> float:
    """Seconds of a call that computes nothing, in the median of three fresh processes."""
    found = []
    with measuring_lock():
        for _ in range(PROCESSES):
            session = Session(subject, TIMEOUT)
            try:
                found.append(session.load()["call_overhead"])
            finally:
                session.close()
    return float(np.median(found))


def _block(subjects: Sequence[Subject], limits: Limits, seed: int, beside: Beside) -> list[list[Samples]]:
    """For each set of fresh processes, the samples of each subject."""
    paces: dict[str, Pace] = {}
    with measuring_lock():
        return [_fresh_processes(subjects, limits, seed + number, paces, beside) for number in range(PROCESSES)]


def _fresh_processes(
    subjects: Sequence[Subject], limits: Limits, seed: int, paces: dict[str, Pace], beside: Beside
) -> list[Samples]:
    with ExitStack() as opened:
        loaded = loading_order(list(enumerate(subjects)), seed)
        sessions = {str(i): _open(Session(subject, TIMEOUT), opened) for i, subject in loaded}
        sessions[KERNEL] = _open(KernelSession(subjects[0], TIMEOUT), opened)
        members = {key: Member(session, session.subject.wall, paces.get(key)) for key, session in sessions.items()}
        with beside():
            run_rounds(members, ["0", KERNEL], limits, seed)
    for key, member in members.items():
        if member.problem or member.frozen is None:
            raise SystemExit(f"{member.session} failed: {member.problem}")
        paces[key] = member.frozen
    return [members[str(i)].samples for i in range(len(subjects))]


def _open(session: Session, opened: ExitStack) -> Session:
    opened.callback(session.close)
    session.load()
    return session


# --- what many comparisons say ------------------------------------------------------------------------------------


def bootstrap(values: Sequence[float], statistic: Callable[[Floats], float], seed: int = 0) -> Interval:
    """A statistic of independent values, with its percentile bootstrap interval."""
    observed = np.array(values, np.float64)
    drawn = np.random.default_rng(seed).integers(0, len(observed), (RESAMPLES, len(observed)))
    found = [statistic(observed[row]) for row in drawn]
    low, high = np.quantile(found, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(statistic(observed), float(low), float(high))


def flat(name: str, interval: Interval) -> dict[str, float]:
    """An interval as three figures."""
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


def tell(what: str) -> None:
    """Say on standard error how far a long run is."""
    print(what, file=sys.stderr, flush=True)
