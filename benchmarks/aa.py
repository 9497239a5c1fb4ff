"""The error of a ratio that is known to be one, on a machine that is busy with something else.

Forty A/A comparisons: ten executables (five networks from tens of microseconds to more than 50 ms an inference, each
in OpenVINO and in ONNX Runtime, weights as drawn, one thread), four times each. A comparison puts the same executable
twice into one block, measured as a study measures: three sets of fresh processes, 3 s a cell in all, the reference
kernel in every round. No margin is set, so that both sides always have their whole time. While anything is warmed up
or timed, two processes a core spin in pure Python; this script starts them and ends them.

OpenVINO's `benchmark_app` is asked the same of the OpenVINO executables: two runs of 3 s, one after the other, beside
the same load, pinned to the same processor; its ratio is that of the two medians that it prints.

The error is |ratio - 1|; told is its 90th percentile with a bootstrap interval over the comparisons, for dlas also on
the OpenVINO executables alone, and how many of the 95 % intervals hold the one. `--quick` makes two comparisons.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product

import numpy as np
from pairs import PROCESSES, Floats, bootstrap, built, compare, flat, latency, tell
from referees import benchmark_app
from reporting import arguments, publish

from dlas.measure.lock import measuring_lock
from dlas.measure.rounds import Limits
from dlas.measure.session import Subject
from dlas.measure.statistics import Interval, wilson
from dlas.stack import Stack

CODEGENS = ("openvino", "onnxruntime")
SMALL, LARGE = "resnet8@width=0.5,weights=random", "resnet20@width=2,weights=random"
# Model and batch; on a server of 2024: 0.01, 0.2, 1, 6 and 60 ms an inference; on older ones twice as long.
NETWORKS = ((SMALL, 1), (LARGE, 2), (LARGE, 12), (LARGE, 64), (LARGE, 640))
TIMES = 4
BUDGET = 3.0  # s a cell
BUSY = 2  # spinning processes a core
# Ends by itself when its parent, whose number it is given, has died.
SPIN = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    for _ in range(10**6): pass"


@dataclass(frozen=True)
class Comparison:
    """What dlas said of one executable against itself, and benchmark_app's ratio where it can run it."""

    codegen: str
    ratio: Interval
    peer: float | None

    @property
    def error(self) -> float:
        """How far the ratio is from one."""
        return abs(self.ratio.value - 1)


@contextmanager
def load() -> Iterator[None]:
    """Two busy processes on each core that this process may use."""
    spinners: list[subprocess.Popen[bytes]] = []
    try:
        for core, _ in product(sorted(os.sched_getaffinity(0)), range(BUSY)):
            spinners.append(subprocess.Popen([sys.executable, "-c", SPIN, str(os.getpid())]))
            os.sched_setaffinity(spinners[-1].pid, [core])
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
        for spinner in spinners:
            spinner.wait()


def comparison(codegen: str, subject: Subject, budget: float, seed: int) -> Comparison:
    """One A/A comparison by dlas, and one by benchmark_app where the executable is OpenVINO's."""
    (ratio,) = compare([subject, subject], Limits(0.0, budget / PROCESSES), seed, load)
    peer = _one_after_the_other(subject, budget) if codegen == "openvino" else None
    said = "" if peer is None else f", benchmark_app {peer:.4f}"
    tell(f"{codegen} {seed}: {ratio.value:.4f} [{ratio.low:.4f}, {ratio.high:.4f}]{said}")
    return Comparison(codegen, ratio, peer)


def _one_after_the_other(subject: Subject, budget: float) -> float:
    with measuring_lock(), load():
        first = benchmark_app(subject, budget)
        return benchmark_app(subject, budget) / first


def percentile(errors: Floats) -> float:
    """The 90th percentile."""
    return float(np.quantile(errors, 0.9))


def figures(made: Sequence[Comparison], latencies: Sequence[float]) -> dict[str, float]:
    """What the comparisons come to."""
    covered = sum(c.ratio.low <= 1 <= c.ratio.high for c in made)
    peers = [abs(c.peer - 1) for c in made if c.peer is not None]
    return {
        "comparisons": len(made),
        **flat("p90_error", bootstrap([c.error for c in made], percentile)),
        "median_error": float(np.median([c.error for c in made])),
        "covered": covered,
        **flat("covered_share", wilson(covered, len(made))),
        "median_half_interval": float(np.median([(c.ratio.high - c.ratio.low) / 2 for c in made])),
        **flat("p90_error_openvino", bootstrap([c.error for c in made if c.codegen == "openvino"], percentile)),
        "comparisons_benchmark_app": len(peers),
        **flat("p90_error_benchmark_app", bootstrap(peers, percentile)),
        "median_error_benchmark_app": float(np.median(peers)),
        "fastest_seconds": min(latencies),
        "slowest_seconds": max(latencies),
    }


def main() -> None:
    """Measure and publish."""
    asked = arguments(__doc__ or "")
    networks, times, budget = (NETWORKS[1:2], 1, 1.0) if asked.quick else (NETWORKS, TIMES, BUDGET)
    stacks = [Stack(model=m, hardware=f"cpu@batch={b}", codegen=c) for (m, b), c in product(networks, CODEGENS)]
    with built(stacks) as subjects:
        extremes = subjects[:1] if asked.quick else [*subjects[: len(CODEGENS)], *subjects[-len(CODEGENS) :]]
        latencies = [latency(subject, Limits(0.1, 0.2), 0).value for subject in extremes]
        tasks = [*enumerate(zip(stacks, subjects, strict=True))] * times
        made = [comparison(s.codegen, subject, budget, 100 * n + i) for n, (i, (s, subject)) in enumerate(tasks)]
    publish(figures(made, latencies), asked.json)


if __name__ == "__main__":
    main()
