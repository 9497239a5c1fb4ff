"""Weights that a file computes from packed ones reach TVM as constants, so that its primitives lower them."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dlas.layers.codegen.tvm import importing
from dlas.layers.compression import storage

SHAPE = (16, 3, 3, 3)


def test_ternary_weights_are_constants_of_the_imported_network(tmp_path):
    weight = np.random.default_rng(0).choice(np.array([0.5, 0, -0.25], np.float32), SHAPE)
    images, logits = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("images", ["batch", 3, 8, 8]), ("logits", ["batch", 16, 8, 8]))
    )
    node = helper.make_node("Conv", ["images", "weight"], ["logits"], pads=[1, 1, 1, 1])
    graph = helper.make_graph([node], "one", [images], [logits], [numpy_helper.from_array(weight, "weight")])
    plain, packed = tmp_path / "plain.onnx", tmp_path / "packed.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), plain)
    storage.write_ternary(plain, {"weight": weight}, packed)
    assert len(onnx.load(packed).graph.node) > 1
    module = importing.read(packed, batch=1)
    ((_, convolution),) = importing.bindings(module["main"])
    assert convolution.op.name == "relax.nn.conv2d"
    assert np.array_equal(importing.constant(convolution.args[1]), weight)
