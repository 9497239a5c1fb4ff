"""The raw samples of one child, and their compact form in the journal."""

import io
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_CLEAN = 30
CLEAN_SHARE = 0.5
PARTS = 3  # of a process's rounds, whose speeds are compared

Floats = NDArray[np.float64]
Rounds = dict[int, float]


@dataclass(frozen=True)
class Samples:
    """A row for each repetition: round, wall and CPU seconds of one inference, involuntary context switches."""

    rounds: NDArray[np.int64]
    wall: Floats
    cpu: Floats
    switches: NDArray[np.int64]

    @property
    def clean(self) -> NDArray[np.bool_]:
        """Repetitions that nobody interrupted."""
        uninterrupted: NDArray[np.bool_] = self.switches == 0
        return uninterrupted

    @property
    def enough_clean(self) -> bool:
        """Whether the clean repetitions alone may speak: at least 30 of them, and half of all."""
        return int(self.clean.sum()) >= LEAST_CLEAN and bool(self.clean.mean() >= CLEAN_SHARE)

    def only(self, chosen: NDArray[np.bool_]) -> "Samples":
        """Some of the repetitions."""
        return Samples(self.rounds[chosen], self.wall[chosen], self.cpu[chosen], self.switches[chosen])


def collect(steps: Iterable[tuple[int, int, Sequence[Sequence[int]]]]) -> Samples:
    """Samples from steps: round, inferences a repetition, and (wall, cpu, switches) in nanoseconds of each."""
    rows = [
        (number, wall / inner, cpu / inner, switches) for number, inner, found in steps for wall, cpu, switches in found
    ]
    table = np.array(rows, np.float64).reshape(-1, 4)
    return Samples(table[:, 0].astype(np.int64), table[:, 1] * 1e-9, table[:, 2] * 1e-9, table[:, 3].astype(np.int64))


def pack(samples: Samples) -> bytes:
    """Compressed bytes; times in single precision, which is finer than any clock here."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        rounds=samples.rounds.astype(np.int32),
        wall=samples.wall.astype(np.float32),
        cpu=samples.cpu.astype(np.float32),
        switches=samples.switches.astype(np.int32),
    )
    return zlib.compress(buffer.getvalue())


def unpack(packed: bytes) -> Samples:
    """The samples that `pack` stored."""
    with np.load(io.BytesIO(zlib.decompress(packed)), allow_pickle=False) as file:
        return Samples(
            file["rounds"].astype(np.int64),
            file["wall"].astype(np.float64),
            file["cpu"].astype(np.float64),
            file["switches"].astype(np.int64),
        )


def by_round(rounds: NDArray[np.int64], seconds: Floats) -> Rounds:
    """Median log seconds of each round."""
    if len(rounds) == 0:
        return {}
    logs = np.log(np.maximum(seconds, 1e-12))
    order = np.argsort(rounds, kind="stable")
    numbers, starts = np.unique(rounds[order], return_index=True)
    return {int(n): float(np.median(part)) for n, part in zip(numbers, np.split(logs[order], starts[1:]), strict=True)}


def paired_logs(cell: Samples, baseline: Samples, wall: bool) -> Floats:
    """Log-ratio cell over baseline of each round that both have; both sides by the same clock.

    CPU time of clean repetitions where both sides have enough of them, else CPU time of all; wall time of all
    if `wall` is set.
    """
    if wall:
        sides = [by_round(side.rounds, side.wall) for side in (cell, baseline)]
    else:
        if cell.enough_clean and baseline.enough_clean:
            cell, baseline = cell.only(cell.clean), baseline.only(baseline.clean)
        sides = [by_round(side.rounds, side.cpu) for side in (cell, baseline)]
    shared = sorted(sides[0].keys() & sides[1].keys())
    return np.array([sides[0][n] - sides[1][n] for n in shared])


def latency_logs(cell: Samples, wall: bool) -> tuple[Floats, str]:
    """Log seconds of each round, and the clock: wall time of clean repetitions where enough, else CPU time."""
    if wall:
        return np.array(list(by_round(cell.rounds, cell.wall).values())), "wall"
    if cell.enough_clean:
        clean = cell.only(cell.clean)
        return np.array(list(by_round(clean.rounds, clean.wall).values())), "wall, clean repetitions"
    return np.array(list(by_round(cell.rounds, cell.cpu).values())), "cpu"


def drift(runs: Sequence[Samples]) -> float:
    """Slowest over fastest part of the runs by median processor time, less one; a part is a third of a process."""
    medians: list[float] = []
    for samples in runs:
        counted = samples.only(samples.clean) if samples.enough_clean else samples
        edges = np.linspace(0, samples.rounds.max() + 1, PARTS + 1)[1:-1]
        part = np.digitize(counted.rounds, edges)
        medians += [float(np.median(counted.cpu[part == number])) for number in np.unique(part)]
    return max(medians) / min(medians) - 1
