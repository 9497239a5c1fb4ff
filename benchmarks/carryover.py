"""Whether what ran before a step changes what the step measures: A after A against A after B.

One executable is timed in turns, in one process: after another process of itself, and after each of three networks
that leave the processor in different states, a float32 network held to AVX2, one held to AVX-512 (where the host has
it), and an int8 network. Each step throws its first inferences away, as a study's steps do; what is asked is whether
that is enough. Turns alternate in a random order, reversed in every second round; times are the step's medians of
processor time of clean repetitions; told is the ratio of A after B to A after A, less one, with a bootstrap interval
over rounds, for each A and each B. Published: the largest of these differences, and each of them.

`--quick` takes one network as A, one as B and fewer rounds; its intervals are wide.
"""

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
from pairs import TIMEOUT, bootstrap, built, flat, tell
from reporting import arguments, publish

from dlas import host
from dlas.measure.lock import measuring_lock
from dlas.measure.pace import Pace
from dlas.measure.samples import by_round, collect
from dlas.measure.session import Session, Subject
from dlas.measure.statistics import Interval
from dlas.stack import Stack

ROUNDS = 1000
QUICK = 12
MODEL = "resnet20@weights=random"
# Names in the figures → what runs. The int8 network is calibrated on the data, its weights are as drawn.
NETWORKS = {
    "avx2": Stack(model=MODEL, hardware="cpu@isa=avx2"),
    "avx512": Stack(model=MODEL, hardware="cpu@isa=avx512"),
    "int8": Stack(model=MODEL, compression="int8"),
}


def networks() -> dict[str, Stack]:
    """Those whose instruction set this host has."""
    return {name: stack for name, stack in NETWORKS.items() if name not in host.ISAS or name in host.probe().isas}


def carried_over(subject: Subject, others: dict[str, Subject], rounds: int, seed: int) -> dict[str, Interval]:
    """How much longer, as a share, the subject takes after each other than after another process of itself."""
    with ExitStack() as opened, measuring_lock():
        measured = _opened(subject, opened)
        before = {"itself": _opened(subject, opened), **{n: _opened(s, opened) for n, s in others.items()}}
        paces = {name: session.pace() for name, session in before.items()}
        own = measured.pace()
        steps = _rounds(measured, own, before, paces, rounds, seed)
    after_itself = _logs(steps["itself"])
    return {name: _share(_logs(steps[name]), after_itself) for name in others}


def _opened(subject: Subject, opened: ExitStack) -> Session:
    session = Session(subject, TIMEOUT)
    opened.callback(session.close)
    session.load()
    return session


def _rounds(
    measured: Session, own: Pace, before: dict[str, Session], paces: dict[str, Pace], rounds: int, seed: int
) -> dict[str, list[tuple[int, int, Sequence[Sequence[int]]]]]:
    """The measured one's steps by what ran just before them."""
    generator = np.random.default_rng(seed)
    steps: dict[str, list[tuple[int, int, Sequence[Sequence[int]]]]] = {name: [] for name in before}
    order: list[str] = []
    for number in range(rounds):
        shuffled = [str(name) for name in generator.permutation(list(before))]
        order = shuffled if number % 2 == 0 else order[::-1]
        for name in order:
            before[name].step(paces[name], expected=1.0)
            steps[name].append((number, own.inner, measured.step(own, expected=1.0)))
    return steps


def _logs(steps: list[tuple[int, int, Sequence[Sequence[int]]]]) -> dict[int, float]:
    samples = collect(steps)
    clean = samples.only(samples.clean) if samples.enough_clean else samples
    return by_round(clean.rounds, clean.cpu)


def _share(after: dict[int, float], after_itself: dict[int, float]) -> Interval:
    """Median over rounds of the ratio, less one."""
    logs = [after[number] - after_itself[number] for number in sorted(after.keys() & after_itself.keys())]
    return bootstrap(logs, lambda drawn: float(np.expm1(np.median(drawn))))


def figures(found: dict[str, Interval]) -> dict[str, float]:
    """Each difference with its interval, and the largest."""
    told = {key: value for name, share in found.items() for key, value in flat(name, share).items()}
    return {"largest": max(abs(share.value) for share in found.values()), "comparisons": len(found), **told}


def main() -> None:
    """Measure and publish."""
    asked = arguments(__doc__ or "")
    chosen = dict(list(networks().items())[-2:]) if asked.quick else networks()
    found: dict[str, Interval] = {}
    with built(list(chosen.values())) as subjects:
        by_name = dict(zip(chosen, subjects, strict=True))
        for seed, name in enumerate(list(chosen)[:1] if asked.quick else chosen):
            others = {other: subject for other, subject in by_name.items() if other != name}
            shares = carried_over(by_name[name], others, QUICK if asked.quick else ROUNDS, seed)
            for other, share in shares.items():
                found[f"{name}_after_{other}"] = share
                tell(f"{name} after {other}: {share.value:+.2%} [{share.low:+.2%}, {share.high:+.2%}]")
    publish(figures(found), asked.json)


if __name__ == "__main__":
    main()
