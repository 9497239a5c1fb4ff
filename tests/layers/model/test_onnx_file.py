"""A user's ONNX file: what is taken, under which names and batch, and what is refused with which remedy."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dlas import data, network
from dlas.errors import DataError

CLASSES = 4


@pytest.fixture
def bright(store):
    """Images of 3x8x8 whose class is which quarter is bright: a linear network tells them apart."""
    generator = np.random.default_rng(0)

    def make(out, work):
        labels = np.arange(80) % CLASSES
        images = generator.normal(0, 0.1, (80, 3, 8, 8))
        for image, label in zip(images, labels, strict=True):
            image[:, label * 2 : label * 2 + 2] += 3
        return data.save(out, dict.fromkeys(data.SPLITS, (images.astype(np.float32), labels)), CLASSES, 8)

    return store.build({"option": "bright"}, make)


def linear(shape=(3, 8, 8), batch="n", flat_batch=-1, names=("x", "y"), element=TensorProto.FLOAT):
    """A network that adds up each pair of rows: Reshape, MatMul."""
    weight = np.zeros((3, 8, 8, CLASSES), np.float32)
    for label in range(CLASSES):
        weight[:, label * 2 : label * 2 + 2, :, label] = 1
    constants = [
        numpy_helper.from_array(weight.reshape(-1, CLASSES), "weight"),
        numpy_helper.from_array(np.array([flat_batch, 192]), "flat"),
    ]
    nodes = [
        helper.make_node("Reshape", [names[0], "flat"], ["r"]),
        helper.make_node("MatMul", ["r", "weight"], ["y0"]),
    ]
    nodes.append(helper.make_node("Identity", ["y0"], [names[1]]))
    given = helper.make_tensor_value_info(names[0], element, [batch, *shape])
    result = helper.make_tensor_value_info(names[1], TensorProto.FLOAT, [batch, CLASSES])
    graph = helper.make_graph(nodes, "net", [given], [result], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.fixture
def take(build, bright, tmp_path):
    """Makes the Network artifact of an ONNX model."""

    def taken(model):
        path = tmp_path / "mine.onnx"
        if isinstance(model, bytes):
            path.write_bytes(model)
        else:
            onnx.save(model, path)
        return build("onnx@mine", bright, mine=path)

    return taken


@pytest.mark.parametrize(
    "model",
    [
        linear(),
        linear(batch=1),
        linear(batch=7),
        linear(names=("logits", "input")),
        linear(shape=("c", "h", "w")),
    ],
    ids=["free batch", "batch of one", "batch of seven", "names in the way", "free sizes"],
)
def test_a_file_becomes_a_network_with_the_names_and_the_free_batch_of_others(model, take, bright):
    made = take(model)
    path = made.file(network.ONNX)
    graph = onnx.load(path).graph
    assert ([graph.input[0].name], [graph.output[0].name]) == ([network.INPUT], [network.OUTPUT])
    images, labels = data.load(bright, "test")
    assert (network.run(path, images).argmax(1) == labels).all()
    assert made.facts["accuracy"] == {"validation": 1.0, "test": 1.0}
    assert (made.facts["trained"], made.facts["module"], made.facts["precision"]) == (True, False, "float32")
    assert (made.facts["parameters"], made.facts["nonzeros"], made.facts["macs"]) == (768, 192, 768)
    chosen, logits = network.reference(made)
    assert np.array_equal(logits, network.run(path, images[chosen], optimise=False))


def test_constants_among_the_inputs_are_none_of_them(take):
    model = linear()
    model.graph.input.insert(0, helper.make_tensor_value_info("weight", TensorProto.FLOAT, [192, CLASSES]))
    assert take(model).facts["parameters"] == 768


def convolving():
    """The linear network after a convolution that changes nothing, for images of any size."""
    model = linear(shape=("c", "h", "w"), names=("same", "y"))
    model.graph.input[0].name = "x"
    model.graph.initializer.append(numpy_helper.from_array(np.eye(3, dtype=np.float32)[..., None, None], "eye"))
    model.graph.node.insert(0, helper.make_node("Conv", ["x", "eye"], ["same"]))
    return model


def test_operators_of_a_file_for_images_of_any_size_are_counted_for_those_of_the_data(take):
    made = take(convolving())
    assert [operator["macs"] for operator in made.facts["operators"]] == [9 * 64, 768]
    assert made.facts["macs"] == 9 * 64 + 768
    (given,) = onnx.load(made.file(network.ONNX)).graph.input
    sizes = given.type.tensor_type.shape.dim
    assert [size.dim_param or size.dim_value for size in sizes] == ["batch", 3, 8, 8]


def two_outputs():
    model = linear()
    model.graph.output.append(helper.make_tensor_value_info("r", TensorProto.FLOAT, ["n", 192]))
    return model


def quantised():
    model = linear()
    scale = numpy_helper.from_array(np.array(0.1, np.float32), "scale")
    model.graph.initializer.append(scale)
    model.graph.node.append(helper.make_node("QuantizeLinear", ["y0", "scale"], ["q"]))
    return model


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (linear(shape=(8, 8, 3)), "its input 0x8x8x3 has the channels last; export it with the channels first (NCHW)"),
        (linear(shape=(3, 9, 9)), "its input is ?x3x9x9, the data are batchx3x8x8; image-folder has size= and crop="),
        (linear(shape=(192,)), "its input is ?x192, the data are batchx3x8x8; image-folder has size= and crop="),
        (linear(element=TensorProto.UINT8), "its input is uint8; export it with a float32 input"),
        (two_outputs(), "has 1 inputs and 2 outputs; export it with one of each"),
        (quantised(), "is quantised already; give the float32 network, and compression int8"),
        (b"no ONNX at all", "is no valid ONNX file (Error parsing message"),
        (b"", "is no valid ONNX file ("),
        (linear(batch=1, flat_batch=1), "it does not take two images at once ("),
    ],
)
def test_what_cannot_be_taken_is_told(model, sentence, take):
    with pytest.raises(DataError) as caught:
        take(model)
    told = str(caught.value)
    assert told.startswith("model onnx@mine: ")
    assert sentence.replace("0x8x8x3", "?x8x8x3") in told


def test_weights_in_another_file_are_refused(build, bright, tmp_path):
    path = tmp_path / "mine.onnx"
    onnx.save(linear(), path, save_as_external_data=True, location="mine.data", size_threshold=0)
    with pytest.raises(DataError) as caught:
        build("onnx@mine", bright, mine=path)
    assert str(caught.value) == (
        f"model onnx@mine: {path} has its weights in another file; "
        "export it with external_data=False, or save it by onnx.save(onnx.load(PATH), NEW)"
    )
    onnx.save(onnx.load(path), tmp_path / "whole.onnx")
    assert build("onnx@mine", bright, mine=tmp_path / "whole.onnx").facts["parameters"] == 768


@pytest.mark.usefixtures("unscored")
def test_a_network_for_another_normalisation_stops_the_study(take, bright):
    model = linear()
    (weight,) = [tensor for tensor in model.graph.initializer if tensor.name == "weight"]
    weight.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weight), "weight"))
    with pytest.raises(DataError, match="no better than chance"):
        take(model)
