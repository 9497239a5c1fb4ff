"""A network that is nothing but convolutions, tuned in a store of its own; run as a script it does so once."""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dlas import network
from dlas.artifacts import Artifact
from dlas.fingerprint import file_digest
from dlas.host import Target
from dlas.layers.codegen import Lowering
from dlas.layers.codegen.tvm.tuning import tuned

SPATIAL_PACK = Lowering("dlas.layers.primitive.tvm.spatial_pack.SpatialPack", {})
TARGET = Target("x86_64", "avx2", 1, 1)


def stored(folder, name, layers, seed):
    """A chain of 3x3 convolutions of 16 channels with activations, the last without, in a store of its own."""
    home = folder / "artifacts" / name
    home.mkdir(parents=True)
    random = np.random.default_rng(seed)
    nodes, values = [], []
    for number in range(layers):
        before = "input" if not number else f"out{number - 1}"
        weights = random.standard_normal((16, 16, 3, 3), dtype=np.float32) * (random.random((16, 16, 3, 3)) < 0.5)
        values.append(numpy_helper.from_array(weights.astype(np.float32), f"weights{number}"))
        last = number == layers - 1
        output = "logits" if last else f"sums{number}"
        nodes.append(helper.make_node("Conv", [before, f"weights{number}"], [output], f"conv{number}", pads=[1] * 4))
        nodes += [] if last else [helper.make_node("Relu", [output], [f"out{number}"])]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 16, 6, 6]) for n in ("input", "logits")]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, home / network.ONNX)
    operators = [{"name": f"conv{number}", "kind": "convolution"} for number in range(layers)]
    facts = {"operators": operators, "shape": [16, 6, 6]}
    return Artifact(name, home, {}, facts, {network.ONNX: file_digest(home / network.ONNX)}, 0.0)


def build(source, out, trials=3, lowering=SPATIAL_PACK, space="template"):
    out.mkdir()
    return tuned.build(source, lowering, TARGET, tuned.Asked(trials, space), out)


if __name__ == "__main__":
    folder, name, trials = sys.argv[1:]
    root = Path(folder)
    build(stored(root, name, 2, seed=0), root / f"out-{name}", int(trials))
