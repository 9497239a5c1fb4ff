"""When a network is said to understand nothing of the data, and in which words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlas import data, sanity
from dlas.errors import DataError

BALANCED = np.repeat(np.arange(10), 20)
SKEWED = np.repeat([0, 1], [180, 20])


def logits(predicted, classes=10):
    return np.eye(classes, dtype=np.float32)[predicted]


def told(labels, predicted, classes=10):
    with pytest.raises(DataError) as caught:
        sanity.judge("onnx@net", "npz@flowers", logits(predicted, classes), labels, 10)
    return str(caught.value)


# Exact binomial probabilities, 200 images: P(X >= 34) = 0.00159, P(X >= 35) = 0.00079 at a chance of 10 %;
# P(X >= 192) = 0.0023, P(X >= 193) = 0.0007 at 90 %.
@pytest.mark.parametrize(
    ("labels", "right", "near"),
    [
        (BALANCED, 0, True),
        (BALANCED, 20, True),
        (BALANCED, 34, True),
        (BALANCED, 35, False),
        (BALANCED, 200, False),
        (SKEWED, 180, True),
        (SKEWED, 192, True),
        (SKEWED, 193, False),
    ],
)
def test_near_chance_is_what_luck_alone_gives(labels, right, near):
    assert sanity.is_near_chance(right, labels) == near


@pytest.mark.parametrize("labels", [[0], [0, 1, 2], [0, 1] * 4, [1] * 50])
def test_too_few_images_or_one_class_alone_give_no_verdict(labels):
    assert not any(sanity.is_near_chance(right, np.array(labels)) for right in range(len(labels) + 1))


@settings(max_examples=10)
@given(st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_guessing_is_nearly_always_found_out(classes, seed):
    """One guesser in a thousand passes: no seed of these may by much."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(200) % classes)
    caught = [
        sanity.is_near_chance(int((generator.integers(0, classes, 200) == labels).sum()), labels) for _ in range(50)
    ]
    assert sum(caught) >= 47


def test_the_sentence_names_normalisation_channels_and_labels():
    assert told(BALANCED, (BALANCED + 1) % 10) == (
        "model onnx@net: right on 0 of 200 images of dataset npz@flowers, no better than chance (10.0%): its weights "
        "expect another normalisation (mean=, std=), another order of channels (channels=bgr) or another order of "
        "labels (labels=FILE)"
    )


def test_one_class_for_everything_is_found_out():
    assert "right on 20 of 200" in told(BALANCED, np.full(200, 3))
    assert "no better than chance (90.0%)" in told(SKEWED, np.zeros(200, int))


def test_another_number_of_classes_is_told():
    assert told(BALANCED, BALANCED, classes=1000) == (
        "model onnx@net: its output for 200 images has shape (200, 1000), dataset npz@flowers has 10 classes; "
        "give data of as many classes, or their order by labels=FILE"
    )


def test_a_network_that_is_often_right_passes():
    predicted = np.where(np.arange(200) % 4 == 0, BALANCED, 0)
    sanity.judge("onnx@net", "npz@flowers", logits(predicted), BALANCED, 10)


@pytest.fixture
def quadrants(store):
    """Images whose class is the pixel that is bright, 30 a class."""
    labels = np.arange(120) % 4
    images = np.eye(4, dtype=np.uint8)[labels].reshape(-1, 1, 2, 2) * 200 + 20
    splits = dict.fromkeys(data.SPLITS, (images, labels))
    given = data.Normalisation((70.0,), (100.0,))
    return store.build({"option": "npz@flowers"}, lambda out, work: data.save(out, splits, 4, 8, given))


def onnx_file(path, weight, bias):
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Flatten", ["input"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 1, 2, 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 4])],
        [
            numpy_helper.from_array(np.asarray(value, np.float32), name)
            for name, value in (("weight", weight), ("bias", bias))
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def test_a_network_that_reads_the_labels_in_this_order_passes_and_in_another_does_not(tmp_path, quadrants):
    pytest.importorskip("onnxruntime")
    sanity.check("onnx@net", onnx_file(tmp_path / "right.onnx", np.eye(4), np.zeros(4)), quadrants)
    with pytest.raises(DataError, match=r"^model onnx@net: right on 0 of 120 images of dataset npz@flowers"):
        sanity.check("onnx@net", onnx_file(tmp_path / "wrong.onnx", np.roll(np.eye(4), 1, 0), np.zeros(4)), quadrants)


def test_a_network_that_expects_another_normalisation_does_not_pass(tmp_path, quadrants):
    """It wants pixels of 0 to 255: the bias that it learnt on them outweighs all that it sees now."""
    pytest.importorskip("onnxruntime")
    path = onnx_file(tmp_path / "net.onnx", np.eye(4), [300, 0, 0, 0])
    with pytest.raises(DataError, match=r"right on 30 of 120 images .* another normalisation"):
        sanity.check("onnx@net", path, quadrants)
