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

from noise import named, noise, stack
from pairs import TIMEOUT, bootstrap, built, compare, flat, latency, tell
from reporting import arguments, publish

from dlas import host
from dlas.measure.rounds import Limits
from dlas.measure.session import Session, Subject
from dlas.measure.statistics import Interval

# Model, and height and width of its images: the zoo's families, and the sizes that people deploy.
NETWORKS = (
    ("resnet20", 32),
    ("vgg16@width=0.2", 32),
    ("resnet18@width=0.2", 32),
    ("mobilenetv1@width=0.25", 32),
    ("mobilenetv2@width=0.25", 32),
    ("efficientnet-b0@width=0.25", 32),
    ("densenet40@width=0.25", 32),
    ("resnet18", 64),
    ("mobilenetv1", 224),
    ("mobilenetv2", 224),
    ("efficientnet-b0", 224),
    ("resnet50", 224),
    ("densenet121", 224),
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
    networks, budget = (NETWORKS[:1], 0.3) if asked.quick else (NETWORKS, BUDGET)
    tell(f"instruction set: {host.probe().isas[-1]}")
    said: dict[str, float] = {"networks": len(networks)}
    logs = []
    with noise([size for _, size in networks]) as places:
        for number, (model, size) in enumerate(networks):
            stacks = [stack(model, size, *how) for how in (("tvm", "spatial-pack"), *BESIDE)]
            with built(stacks, places) as subjects:
                found = measure(subjects, budget, number)
            logs.append(math.log(found.ratios[found.peer].value))
            said |= figures(named(model, size), found)
            tell(f"{model} at {size}: {found.peer} takes {found.ratios[found.peer].value:.3f} times as long")
    mean = bootstrap(logs, lambda values: float(values.mean())).exp()
    publish({**said, **flat("peer_geometric_mean", mean)}, asked.json)


if __name__ == "__main__":
    main()
