"""The A/A run: one kernel measured as several cells are; what still differs is noise."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dlas.layers.hardware import Command
from dlas.measure.pace import Pace
from dlas.measure.rounds import Limits, Member, loading_order, run_rounds
from dlas.measure.samples import Samples, drift, paired_logs
from dlas.measure.session import KernelSession, Subject
from dlas.measure.statistics import Interval, half_interval, over_processes, spread_between

BASELINE = "baseline"
CELLS = ("cell", "lender")  # the second lends the first its spread, as the other cells of a block do

GLANCE = 0.2  # s a cell

_TIMEOUT = 60.0  # s to start or to warm up

Run = Mapping[str, Samples]  # the samples of one set of fresh processes


@dataclass(frozen=True)
class Noise:
    """What the A/A run found.

    `ratio` is the cell's latency over the baseline's, by `seconds` a cell; `clean` the share of all repetitions without
    an involuntary context switch; `drift` how much slower the kernel's slowest part of the run was than its fastest.
    """

    ratio: Interval
    processes: int
    seconds: float
    repetitions: int
    clean: float
    drift: float

    @property
    def floor(self) -> float:
        """Half the ratio's interval, relative: differences below it cannot be seen with this budget."""
        return (self.ratio.high - self.ratio.low) / 2 / self.ratio.value


@dataclass(frozen=True)
class Glance:
    """Relative half-interval at which one process knew the kernel's ratio to itself after so many seconds a cell."""

    half: float
    seconds: float

    def after(self, seconds: float) -> float:
        """What it would come to after longer, as the square root of time has it."""
        return self.half * math.sqrt(self.seconds / seconds)


def glance(command: Command) -> Glance:
    """A look of about two seconds at how noisy this host is now; raises BuildFailed if a child does not run."""
    run = _run(command, GLANCE, 0, {}, (BASELINE, CELLS[0]))
    return Glance(half_interval(paired_logs(run[CELLS[0]], run[BASELINE], wall=False)), GLANCE)


def too_noisy(seen: Glance, margin: float, budget: float, processes: int) -> str:
    """A sentence with the remedy where a study would not reach its margin; empty where it would."""
    expected = seen.after(budget / processes)
    if expected <= margin:
        return ""
    needed = budget * (expected / margin) ** 2
    return (
        f"this host is too noisy for a margin of ±{100 * margin:.2g}%: ±{100 * expected:.2g}% is to be expected of "
        f"{budget:g} s a cell; end other programs (`dlas doctor` tells more), or raise --budget to {math.ceil(needed)}s"
    )


def measure(command: Command, seconds: float, processes: int, tell: Callable[[str], None]) -> Noise:
    """Measure for so many seconds a cell, split over fresh processes; raises BuildFailed if a child does not run."""
    runs: list[Run] = []
    paces: dict[str, Pace] = {}
    for number in range(processes):
        tell(f"the reference kernel against itself, fresh processes {number + 1} of {processes}")
        runs.append(_run(command, seconds / processes, number, paces))
    return summary(runs, seconds)


def _run(
    command: Command,
    seconds: float,
    seed: int,
    paces: dict[str, Pace],
    names: Sequence[str] = (BASELINE, *CELLS),
) -> Run:
    """One set of fresh processes; `paces` keeps what the first set found, as it does for cells."""
    with ExitStack() as stack:
        members = {}
        for name in loading_order(names, seed):
            session = KernelSession(Subject(name, Path(), Path(), Path(), command, {}), _TIMEOUT)
            stack.callback(session.close)
            session.load()
            members[name] = Member(session, session.subject.wall, paces.get(name))
        # No margin is ever met: how far the budget leads is the question.
        run_rounds(members, (BASELINE,), Limits(0.0, seconds), seed)
    for name, member in members.items():
        if member.problem:
            raise member.problem
        if member.frozen:
            paces[name] = member.frozen
    return {name: member.samples for name, member in members.items()}


def summary(runs: Sequence[Run], seconds: float) -> Noise:
    """What the samples of some sets of processes come to, by the estimator that cells are judged by."""
    paired = [[paired_logs(run[cell], run[BASELINE], wall=False) for run in runs] for cell in CELLS]
    clean = np.concatenate([samples.clean for run in runs for samples in run.values()])
    return Noise(
        ratio=over_processes(paired[0], spread_between(paired)).exp(),
        processes=len(runs),
        seconds=seconds,
        repetitions=len(clean),
        clean=float(clean.mean()),
        drift=drift([run[BASELINE] for run in runs]),
    )
