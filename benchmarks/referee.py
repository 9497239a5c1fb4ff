"""The latency that dlas gives against that of other people's loops over the same executable.

Whole runs alternate, in reversed order in every second pair: dlas (three fresh processes of 1 s each, the reference
kernel beside them) and a referee for 3 s in a process of its own, pinned to the same processor. The referees are
OpenVINO's `benchmark_app`, TVM's `time_evaluator` and, for ONNX Runtime, a plain loop around `session.run`. Two
networks: one of at least 5 ms an inference ("slow"), where the ratio should be 1 +- 0.02, and one of at most 0.6 ms
("fast"), where it should be 1 +- 0.05. Told is the median of the paired ratios dlas / referee with its bootstrap
interval over the pairs. `benchmark_app` and `time_evaluator` read the clock inside the call, so its overhead is taken
from dlas's figure, and shown: for OpenVINO what a call takes beyond what its request tells of itself, for TVM the
`call_overhead` of a network that computes nothing.

All of it holds on a quiet machine only: the referees take wall time. `--quick` makes one short pair with each referee
on the fast network.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pairs import PROCESSES, bootstrap, built, call_overhead, flat, latency, tell
from referees import benchmark_app, beyond_request, session_run, time_evaluator
from reporting import arguments, publish

from dlas.measure.lock import measuring_lock
from dlas.measure.rounds import Limits
from dlas.measure.session import Subject
from dlas.stack import Stack

PAIRS = 25
SECONDS = 3.0  # of measuring in each run
MODEL = "resnet20@width=2,weights=random"
BATCHES = {"fast": 1, "slow": 64}


@dataclass(frozen=True)
class Referee:
    """Somebody else's loop, and what of dlas's time it does not see since its clock runs inside the runtime's call."""

    codegen: str
    median: Callable[[Subject, float], float]
    unseen: Callable[[Subject], float] | None = None


REFEREES = {
    "benchmark_app": Referee("openvino", benchmark_app, beyond_request),
    "session_run": Referee("onnxruntime", session_run),
    "time_evaluator": Referee("tvm", time_evaluator, call_overhead),
}


@dataclass(frozen=True)
class Pair:
    """Seconds of an inference by dlas and by the referee."""

    own: float
    other: float


def pair(subject: Subject, referee: Referee, overhead: float, seconds: float, number: int) -> Pair:
    """One run by each; who begins changes with the number. `overhead` seconds of dlas's own are not counted."""

    def own() -> float:
        # No margin: as long as the referee, however soon it would be precise enough.
        return latency(subject, Limits(0.0, seconds / PROCESSES), seed=PROCESSES * number).value - overhead

    def other() -> float:
        with measuring_lock():
            return referee.median(subject, seconds)

    if number % 2 == 0:
        first = own()
        return Pair(first, other())
    first = other()
    return Pair(own(), first)


def figures(name: str, pairs: list[Pair]) -> dict[str, float]:
    """The median of the ratios, and what both sides gave in the median."""
    ratios = [p.own / p.other for p in pairs]
    tell(f"{name}: {' '.join(f'{ratio:.3f}' for ratio in ratios)}")
    return {
        **flat(f"ratio_{name}", bootstrap(ratios, np.median)),
        f"seconds_dlas_{name}": float(np.median([p.own for p in pairs])),
        f"seconds_referee_{name}": float(np.median([p.other for p in pairs])),
    }


def main() -> None:
    """Measure and publish."""
    asked = arguments(__doc__ or "")
    sizes, count, seconds = (["fast"], 1, 1.0) if asked.quick else (list(BATCHES), PAIRS, SECONDS)
    cases = [(size, name) for size in sizes for name in REFEREES]
    codegens = [(REFEREES[name].codegen, BATCHES[size]) for size, name in cases]
    stacks = [Stack(model=MODEL, codegen=codegen, hardware=f"cpu@batch={batch}") for codegen, batch in codegens]
    found: dict[str, float] = {"pairs": count}
    with built(stacks) as subjects:
        for (size, name), subject in zip(cases, subjects, strict=True):
            referee = REFEREES[name]
            overhead = referee.unseen(subject) if referee.unseen else 0.0
            pairs = [pair(subject, referee, overhead, seconds, number) for number in range(count)]
            found |= {**figures(f"{name}_{size}", pairs), f"seconds_overhead_{name}_{size}": overhead}
    publish(found, asked.json)


if __name__ == "__main__":
    main()
