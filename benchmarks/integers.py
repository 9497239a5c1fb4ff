"""int8 in the code generators that have integer kernels, and against float32, by dlas's own protocol.

For each network one block in three sets of fresh processes, one thread, batch 1, weights as drawn: int8 in tvm, in ONNX
Runtime and in OpenVINO, and float32 in the three. Ratios are times over that of int8 in tvm (`onnxruntime_int8_...`:
above 1, tvm is faster), and float32 over int8 within each (`gain_...`: above 1, int8 pays). All run under the widest
instruction set of this host; without AVX-512 VNNI tvm has no integer kernels, and the benchmark says so and ends.

`--quick` takes one network and little time.
"""

import math

from noise import named, noise, stack
from pairs import bootstrap, built, compare, flat, tell
from reporting import arguments, publish

from dlas.measure.rounds import Limits

NETWORKS = (
    ("resnet20", 32),
    ("vgg16@width=0.2", 32),
    ("mobilenetv1@width=0.25", 32),
    ("mobilenetv2@width=0.25", 32),
    ("efficientnet-b0@width=0.25", 32),
    ("resnet18", 64),
    ("mobilenetv2", 224),
)
CODEGENS = ("tvm", "onnxruntime", "openvino")
PEERS = CODEGENS[1:]
BUDGET = 3.0  # s a cell


def main() -> None:
    """Measure and publish."""
    asked = arguments(__doc__ or "")
    networks, budget = (NETWORKS[:1], 0.3) if asked.quick else (NETWORKS, BUDGET)
    limits = Limits(0.0, budget / 3)
    said: dict[str, float] = {"networks": len(networks)}
    logs = []
    with noise([size for _, size in networks]) as places:
        for number, (model, size) in enumerate(networks):
            kinds = [(c, kind) for kind in ("int8", "none") for c in CODEGENS]
            with built([stack(model, size, c, compression=kind) for c, kind in kinds], places) as subjects:
                over_tvm = compare(subjects[:3], limits, number)
                gains = [compare([subjects[i], subjects[i + 3]], limits, number)[0] for i in range(3)]
            name = named(model, size)
            for peer, ratio in zip(PEERS, over_tvm, strict=True):
                said |= flat(f"{peer}_int8_{name}", ratio)
            for codegen, gain in zip(CODEGENS, gains, strict=True):
                said |= flat(f"gain_{codegen}_{name}", gain)
            best = min(ratio.value for ratio in over_tvm)
            logs.append(math.log(best))
            tell(f"{name}: the faster of the others takes {best:.3f} times as long")
    mean = bootstrap(logs, lambda values: float(values.mean())).exp()
    publish({**said, **flat("peer_geometric_mean", mean)}, asked.json)


if __name__ == "__main__":
    main()
