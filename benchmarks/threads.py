"""What a second thread gains, by dlas's own protocol.

For each network one block in three sets of fresh processes, batch 1, weights as drawn: one thread and two in tvm, in
OpenVINO and in ONNX Runtime, all on the wall clock. `gain_...` is the time of one thread over that of two in the same
runtime: 2 is the most that two processors give. Asked of a machine whose second processor is free.

`--quick` takes one small network in tvm and little time.
"""

from noise import named, noise, stack
from pairs import built, compare, flat, tell
from reporting import arguments, publish

from dlas.measure.rounds import Limits

NETWORKS = (("vgg16", 64), ("resnet50", 224), ("mobilenetv2", 224))
QUICK = (("resnet8", 32),)
CODEGENS = ("tvm", "openvino", "onnxruntime")
BUDGET = 3.0  # s a cell


def main() -> None:
    """Measure and publish."""
    asked = arguments(__doc__ or "")
    networks, codegens, budget = (QUICK, CODEGENS[:1], 0.3) if asked.quick else (NETWORKS, CODEGENS, BUDGET)
    said: dict[str, float] = {"networks": len(networks)}
    with noise([size for _, size in networks]) as places:
        for number, (model, size) in enumerate(networks):
            for codegen in codegens:
                one = stack(model, size, codegen)
                with built([one.perturb(hardware="cpu@threads=2"), one], places) as subjects:
                    (gain,) = compare(subjects, Limits(0.0, budget / 3), number)
                said |= flat(f"gain_{codegen}_{named(model, size)}", gain)
                tell(f"{named(model, size)} in {codegen}: a second thread gains {gain.value:.3f}")
    publish(said, asked.json)


if __name__ == "__main__":
    main()
