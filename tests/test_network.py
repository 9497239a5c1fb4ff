"""What a network is on disk: what is counted in its file. Export and rebuilding are tested with the models."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dlas import network


def model(nodes, constants, output):
    """An ONNX model of 2 -> `output` values, of 6x5 pixels."""
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, 6, 5])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", *output])
    weights = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "net", [given], [result], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def convolution():
    weight = np.ones((4, 1, 3, 3), np.float32)
    weight[0] = 0
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="c", group=2, pads=[1, 1, 1, 1], strides=[2, 2])
    return model([node], {"w": weight}, (4, 3, 3)), network.Operator("c", "convolution", 36 * 9, 36, 27)


def linear():
    flat = helper.make_node("Flatten", ["x"], ["f"])
    node = helper.make_node("Gemm", ["f", "w"], ["y"], name="l", transB=1)
    return model([flat, node], {"w": np.ones((7, 60), np.float32)}, (7,)), network.Operator(
        "l", "linear", 420, 420, 420
    )


def tokens():
    """A linear operator that is applied to 2 x 6 tokens of five values."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="m")
    weight = np.ones((5, 3), np.float32)
    return model([node], {"w": weight}, (2, 6, 3)), network.Operator("m", "linear", 12 * 15, 15, 15)


@pytest.mark.parametrize("make", [convolution, linear, tokens])
def test_multiply_adds_are_those_of_one_image(make, tmp_path):
    made, operator = make()
    onnx.save(made, tmp_path / "net.onnx")
    assert network.read_operators(tmp_path / "net.onnx") == [operator]


def test_products_of_activations_and_other_operators_are_not_counted(tmp_path):
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["x", "t"], ["y"]),
    ]
    onnx.save(model(nodes, {}, (2, 6, 6)), tmp_path / "net.onnx")
    assert network.read_operators(tmp_path / "net.onnx") == []


def test_any_number_of_images_runs_in_their_order(tmp_path):
    made, _ = linear()
    onnx.save(made, tmp_path / "net.onnx")
    images = np.random.default_rng(0).normal(size=(3 * network._BATCH + 1, 2, 6, 5)).astype(np.float32)
    logits = network.run(tmp_path / "net.onnx", images)
    assert np.allclose(logits, images.reshape(len(images), -1).sum(1)[:, None], atol=1e-4)
