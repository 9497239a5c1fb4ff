"""The dense primitives of the code generator tvm against OpenVINO and ONNX Runtime, by dlas's own protocol.

For each network one block in three sets of fresh processes, one thread, batch 1, weights as drawn: tvm under
`spatial-pack` (its own choice), `direct` and `gemm`, OpenVINO, ONNX Runtime. Ratios are times over that of
`spatial-pack`: above 1, `spatial-pack` is faster. All run under the widest instruction set of this host, which is told
(ONNX Runtime cannot be held to a narrower one). Networks below a millisecond also get the ratio after what a call
alone costs is subtracted from both sides.

`--quick` takes one network and little time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pairs import TIMEOUT, bootstrap, built, compare, flat, latency, tell
from reporting import arguments, publish

from dlas import host
from dlas.measure.rounds import Limits
from dlas.measure.session import Session, Subject
from dlas.measure.statistics import Interval
from dlas.stack import Stack

# Over which dataset and model: images of 8 x 8.
NETWORKS = (
    "resnet8@weights=random",
    "resnet20@weights=random",
    "resnet20@width=4,weights=random",
    "resnet56@width=2,weights=random",
    "mobilenetv1@weights=random",
    "mobilenetv1@width=1,weights=random",
)
BESIDE = (("tvm", "direct"), ("tvm", "gemm"), ("openvino", "native"), ("onnxruntime", "native"))
PEERS = ("openvino", "onnxruntime")
BUDGET = 3.0  # s a cell
SMALL = 1e-3  # s; below it the call itself is part of the answer


@dataclass(frozen=True)
class Found:
    """What one network's block says: times over that of spatial-pack, and its own latency in seconds."""

    ratios: dict[str, Interval]
    own: float
    overheads: dict[str, float]

    @property
    def peer(self) -> str:
        """The faster of the other runtimes."""
        return min(PEERS, key=lambda name: self.ratios[name].value)

    def without_call(self, name: str) -> float:
        """The ratio after what a call costs is subtracted from both sides."""
        other = self.ratios[name].value * self.own - self.overheads[name]
        return other / (self.own - self.overheads["tvm"])


def overhead(subject: Subject) -> float:
    """Seconds of a call that computes nothing."""
    session = Session(subject, TIMEOUT)
    try:
        return float(session.load()["call_overhead"])
    finally:
        session.close()


def measure(subjects: Sequence[Subject], budget: float, seed: int) -> Found:
    """One block: spatial-pack first, then those in `BESIDE`."""
    limits = Limits(0.0, budget / 3)
    names = [codegen if codegen in PEERS else primitive for codegen, primitive in BESIDE]
    ratios = dict(zip(names, compare(subjects, limits, seed), strict=True))
    told = dict(zip(("tvm", *names), map(overhead, subjects), strict=True))
    return Found(ratios, latency(subjects[0], limits, seed).value, told)


def figures(name: str, found: Found) -> dict[str, float]:
    """The ratios of one network; those against the faster peer under a name of their own."""
    said = {
        key: value for other, ratio in found.ratios.items() for key, value in flat(f"{other}_{name}", ratio).items()
    }
    said |= {f"seconds_{name}": found.own, **flat(f"peer_{name}", found.ratios[found.peer])}
    if found.own < SMALL:
        said |= {f"call_overhead_{name}": found.overheads["tvm"]}
        said |= {f"peer_without_call_{name}": found.without_call(found.peer)}
    return said


def main() -> None:
    """Measure and publish."""
    asked = arguments(__doc__ or "")
    networks, budget = (NETWORKS[1:2], 0.3) if asked.quick else (NETWORKS, BUDGET)
    widest = host.probe().isas[-1]
    tell(f"instruction set: {widest}")
    stacks = [
        Stack(model=model, codegen=codegen, primitive=primitive)
        for model in networks
        for codegen, primitive in (("tvm", "spatial-pack"), *BESIDE)
    ]
    said: dict[str, float] = {"networks": len(networks)}
    logs = []
    with built(stacks) as subjects:
        for number, model in enumerate(networks):
            width = 1 + len(BESIDE)
            found = measure(subjects[number * width : (number + 1) * width], budget, number)
            logs.append(math.log(found.ratios[found.peer].value))
            said |= figures(model.replace("weights=random", "").strip("@,").replace("@width=", "x").rstrip(","), found)
            tell(f"{model}: {found.peer} takes {found.ratios[found.peer].value:.3f} times as long")
    mean = bootstrap(logs, lambda values: float(values.mean())).exp()
    publish({**said, **flat("peer_geometric_mean", mean)}, asked.json)


if __name__ == "__main__":
    main()
