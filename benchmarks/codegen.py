"""Tuned schedules of tvm against its other schedules and OpenVINO, by dlas's own protocol.

For each network one block a primitive, in three sets of fresh processes, one thread, batch 1, images of 32 x 32,
weights as drawn: `tvm@schedule=tuned,space=both` first, beside it `naive`, `fixed`, `default`, tuned in MetaSchedule's
own space alone, and under `spatial-pack` OpenVINO float32, all at the widest instruction set of this host. Ratios are
times over that of `tuned`: above 1, `tuned` is faster. `csr-direct` runs networks with 90 % of their weights zero.
There are 12 trials for each distinct kernel on average, half of them in each space; what a search took is told.

`--quick` takes one small network under `spatial-pack`, two trials and little time.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from noise import noise, stack
from pairs import bootstrap, built, compare, flat, tell
from reporting import arguments, publish

from dlas import host
from dlas.layers.codegen.tvm.tuning.tuned import FROZEN
from dlas.measure.rounds import Limits
from dlas.measure.session import Subject
from dlas.measure.statistics import Interval
from dlas.stack import Stack

NETWORKS = ("resnet20", "mobilenetv2@width=0.5", "vgg16@width=0.25")
PRIMITIVES = ("spatial-pack", "direct", "gemm")
SPARSE = "csr-direct"
OTHERS = ("default", "fixed", "naive", "generic")
TRIALS, QUICK_TRIALS = 12, 2
BUDGET = 3.0  # s a cell
SIDE = 32


@dataclass(frozen=True)
class Block:
    """A network under a primitive; `names` are those of the stacks after the tuned one."""

    network: str
    primitive: str
    names: tuple[str, ...]
    trials: int

    @property
    def key(self) -> str:
        """Short name for figures."""
        return f"{self.network.partition('@')[0]}_{self.primitive.replace('-', '_')}"

    def stacks(self, isa: str) -> list[Stack]:
        """The tuned one, then the others."""
        compression = "weight-prune@0.9" if self.primitive == SPARSE else "none"
        drawn = stack(self.network, SIDE, self._codegen("both"), self.primitive, compression)
        base = drawn.perturb(hardware=f"cpu@isa={isa}")
        return [base, *(self._beside(base, name) for name in self.names)]

    def _beside(self, base: Stack, name: str) -> Stack:
        if name == "openvino":
            return base.perturb(codegen="openvino", primitive="native")
        return base.perturb(codegen=self._codegen(name))

    def _codegen(self, name: str) -> str:
        if name in ("both", "generic"):
            return f"tvm@schedule=tuned,trials={self.trials},space={name}"
        return f"tvm@schedule={name}"


def blocks(quick: bool) -> list[Block]:
    """What is measured."""
    if quick:
        return [Block("resnet8", "spatial-pack", ("default",), QUICK_TRIALS)]
    dense = [
        Block(network, primitive, (*OTHERS, "openvino") if primitive == PRIMITIVES[0] else OTHERS, TRIALS)
        for network in NETWORKS
        for primitive in PRIMITIVES
    ]
    return [*dense, *(Block(network, SPARSE, ("default",), TRIALS) for network in NETWORKS)]


def measure(block: Block, subjects: Sequence[Subject], budget: float, seed: int) -> dict[str, Interval]:
    """Times of the others over that of the tuned one."""
    ratios = compare(subjects, Limits(0.0, budget / 3), seed)
    for name, ratio in zip(block.names, ratios, strict=True):
        tell(f"{block.key}: {name} takes {ratio.value:.3f} times as long as tuned")
    return dict(zip(block.names, ratios, strict=True))


def cost(block: Block, subject: Subject) -> dict[str, float]:
    """Trials and seconds of the search."""
    told = json.loads((subject.executable / FROZEN).read_text(encoding="utf-8"))
    return {f"tune_trials_{block.key}": told["tune_trials"], f"tune_seconds_{block.key}": told["tune_time"]}


def summary(found: Sequence[tuple[Block, dict[str, Interval]]]) -> dict[str, float]:
    """Geometric mean and the smallest over the dense networks, for each thing beside."""
    said: dict[str, float] = {}
    for name in (*OTHERS, "openvino"):
        logs = [math.log(ratios[name].value) for block, ratios in found if name in ratios and block.primitive != SPARSE]
        if logs:
            said |= flat(f"tuned_over_{name}_mean", bootstrap(logs, lambda values: float(values.mean())).exp())
            said[f"tuned_over_{name}"] = math.exp(min(logs))
    return said


def main() -> None:
    """Measure and publish."""
    asked = arguments(__doc__ or "")
    isa = host.probe().isas[-1]
    tell(f"instruction set: {isa}")
    wanted, budget = blocks(asked.quick), 0.3 if asked.quick else BUDGET
    said: dict[str, float] = {"networks": len({block.network for block in wanted})}
    found = []
    with noise([SIDE]) as places:
        for seed, block in enumerate(wanted):
            with built(block.stacks(isa), places) as subjects:
                ratios = measure(block, subjects, budget, seed)
                said |= cost(block, subjects[0])
            found.append((block, ratios))
            said |= {k: v for name, ratio in ratios.items() for k, v in flat(f"{name}_{block.key}", ratio).items()}
    publish({**said, **summary(found)}, asked.json)


if __name__ == "__main__":
    main()
