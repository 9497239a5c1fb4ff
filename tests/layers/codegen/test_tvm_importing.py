"""Graphs that users' files hold and the zoo's do not: what TVM computes of them is ONNX Runtime's."""

import numpy as np
import pytest

pytest.importorskip("tvm")
pytest.importorskip("onnxruntime")

import onnx
from onnx import TensorProto, helper, numpy_helper

from dlas import network
from dlas.artifacts import Artifact
from dlas.errors import Inapplicable
from dlas.fingerprint import file_digest
from dlas.host import Target
from dlas.layers.codegen import Lowering
from dlas.layers.codegen.tvm import Tvm, building, choosing, importing, scheduling
from dlas.layers.codegen.tvm.tuning.search import Search
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.tensorir.choices import DEFAULTS
from dlas.tensorir.machine import machine

AVX2 = machine("avx2")
CHANNELS, SIDE = 16, 7


def drawn(*shape):
    return np.random.default_rng(len(shape)).uniform(0.5, 1.5, shape).astype(np.float32)


def node(operator, inputs, output, **attributes):
    return helper.make_node(operator, inputs, [output], name=output, **attributes)


def convolution(before, output="sums"):
    """A 3x3 convolution that keeps the image's size; its weights are called `weights`."""
    return node("Conv", [before, "weights"], output, pads=[1, 1, 1, 1])


def written(path, shapes, nodes, constants):
    """A graph from `images` to `logits`, which have these shapes; its constants are arrays by name."""
    images, logits = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape[1:]])
        for name, shape in zip(("images", "logits"), shapes, strict=True)
    )
    stored = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "network", [images], [logits], stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def agree(tmp_path, shapes, nodes, constants):
    """Check such a graph."""
    path = written(tmp_path / network.ONNX, shapes, nodes, constants)
    values = np.random.default_rng(1).standard_normal(shapes[0], dtype=np.float32)
    wanted = network.run(path, values, optimise=False)
    np.testing.assert_allclose(outputs(path, values), wanted, rtol=1e-4, atol=1e-5)


def outputs(path, values):
    import tvm
    from tvm.runtime.vm import VirtualMachine

    walked = building.lowered(importing.read(path, len(values)), SpatialPack(), AVX2, "float32", DEFAULTS)
    kernels = scheduling.kernels(walked.module, AVX2, "default")
    return VirtualMachine(building.compiled(kernels, AVX2), tvm.cpu())["main"](tvm.runtime.tensor(values)).numpy()


def test_a_normalisation_of_rows_keeps_their_rank(tmp_path):
    statistics = ("gamma", "beta", "mean", "variance")
    nodes = [
        node("Gemm", ["images", "first"], "sums"),
        node("BatchNormalization", ["sums", *statistics], "normalised"),
        node("Relu", ["normalised"], "active"),
        node("MatMul", ["active", "second"], "logits"),
    ]
    constants = {"first": drawn(6, 8), "second": drawn(8, 3), **{name: drawn(8) for name in statistics}}
    agree(tmp_path, [(2, 6), (2, 3)], nodes, constants)


def test_an_image_of_one_channel_is_put_beside_what_a_convolution_made_of_it(tmp_path):
    nodes = [convolution("images"), node("Concat", ["images", "sums"], "logits", axis=1)]
    image, both = ((1, channels, SIDE, SIDE) for channels in (1, 1 + AVX2.lanes))
    agree(tmp_path, [image, both], nodes, {"weights": drawn(AVX2.lanes, 1, 3, 3)})


def test_a_dropout_behind_a_convolution_does_nothing(tmp_path):
    nodes = [convolution("images"), node("Dropout", ["sums"], "kept"), node("Relu", ["kept"], "logits")]
    image, logits = ((1, channels, SIDE, SIDE) for channels in (3, CHANNELS))
    agree(tmp_path, [image, logits], nodes, {"weights": drawn(CHANNELS, 3, 3, 3)})


@pytest.mark.parametrize(
    "shape", [(CHANNELS,), (1, CHANNELS), (CHANNELS, 1), (CHANNELS, 1, 1), (1, CHANNELS, 1, 1), (1, 1, 1, CHANNELS)]
)
def test_constants_stand_for_the_axes_that_onnx_gives_them(shape, tmp_path):
    nodes = [convolution("images"), node("Add", ["sums", "constant"], "logits")]
    # As many rows and columns as channels: an axis is known by its place alone.
    image, logits = ((1, channels, CHANNELS, CHANNELS) for channels in (3, CHANNELS))
    constants = {"weights": drawn(CHANNELS, 3, 3, 3), "constant": drawn(CHANNELS).reshape(shape)}
    agree(tmp_path, [image, logits], nodes, constants)


@pytest.mark.parametrize(
    ("schedule", "lowering"),
    [("default", "mixed.Mixed"), ("tuned", "spatial_pack.SpatialPack")],
    ids=["mixed", "tuned"],
)
def test_a_product_of_tokens_is_refused_before_anything_is_timed(schedule, lowering, tmp_path, monkeypatch):
    def timing(*_):
        raise AssertionError

    monkeypatch.setattr(choosing, "settled", timing)
    monkeypatch.setattr(Search, "run", timing)
    home, out = tmp_path / "artifacts" / "network", tmp_path / "out"
    nodes = [
        convolution("images"),
        node("Reshape", ["sums", "tokens"], "rows"),
        node("MatMul", ["rows", "projection"], "logits"),
    ]
    constants = {
        "weights": drawn(CHANNELS, 3, 3, 3),
        "tokens": np.array([0, CHANNELS, SIDE * SIDE]),
        "projection": drawn(SIDE * SIDE, 5),
    }
    for folder in (home, out):
        folder.mkdir(parents=True)
    path = written(home / network.ONNX, [(1, 3, SIDE, SIDE), (1, CHANNELS, 5)], nodes, constants)
    facts = {"operators": [vars(operator) for operator in network.read_operators(path)], "shape": [3, SIDE, SIDE]}
    source = Artifact("network", home, {}, facts, {network.ONNX: file_digest(path)}, 0.0)
    how = Lowering(f"dlas.layers.primitive.tvm.{lowering}", {})
    with pytest.raises(Inapplicable, match=r"^codegen tvm: it lowers 1 of the network's 2 operators, .*; use another"):
        Tvm(schedule).compile(source, how, Target("x86_64", "avx2", 1, 1), out)
