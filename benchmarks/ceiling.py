"""tvm against OpenVINO where both are held to AVX2, by dlas's own protocol.

For each network one block in three sets of fresh processes, one thread, batch 1, weights as drawn: tvm under its own
choice of primitive, and OpenVINO, both under `cpu@isa=avx2`. `openvino_...` is OpenVINO's time over tvm's: above 1, tvm
is faster. ONNX Runtime cannot be held to an instruction set. A ceiling is no other processor: registers and caches are
those of this one.

`--quick` takes one network and little time.
"""

import math

from noise import named, noise, stack
from pairs import bootstrap, built, compare, flat, tell
from primitives import BUDGET, NETWORKS
from reporting import arguments, publish

from dlas.measure.rounds import Limits

CEILING = "cpu@isa=avx2"


def main() -> None:
    """Measure and publish."""
    asked = arguments(__doc__ or "")
    networks, budget = (NETWORKS[:1], 0.3) if asked.quick else (NETWORKS, BUDGET)
    said: dict[str, float] = {"networks": len(networks)}
    logs = []
    with noise([size for _, size in networks]) as places:
        for number, (model, size) in enumerate(networks):
            stacks = [stack(model, size, codegen).perturb(hardware=CEILING) for codegen in ("tvm", "openvino")]
            with built(stacks, places) as subjects:
                (ratio,) = compare(subjects, Limits(0.0, budget / 3), number)
            logs.append(math.log(ratio.value))
            said |= flat(f"openvino_{named(model, size)}", ratio)
            tell(f"{model} at {size}: openvino takes {ratio.value:.3f} times as long")
    mean = bootstrap(logs, lambda values: float(values.mean())).exp()
    publish({**said, **flat("openvino_geometric_mean", mean)}, asked.json)


if __name__ == "__main__":
    main()
