"""What every part must have, and how the parts are drawn and written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlas import data
from dlas.errors import DataError
from dlas.layers.dataset import splits


@given(st.integers(1, 8), st.lists(st.integers(0, 9), max_size=30))
def test_a_label_that_is_no_class_or_a_class_without_images_is_told(classes, drawn):
    labels = np.array(drawn, np.int64)
    largest = max(drawn, default=-1)
    missing = sorted(set(range(classes)) - set(labels.tolist()))
    if largest < classes and not missing:
        splits.check_classes("dataset x", labels, range(classes))
        return
    with pytest.raises(DataError) as caught:
        splits.check_classes("dataset x", labels, range(classes))
    if largest >= classes:
        told = f"label {largest} is none of 0 to {classes - 1}; number the classes from 0"
    else:
        told = f"class '{missing[0]}' has no images; give it some, or leave the class out"
    assert str(caught.value) == f"dataset x: {told}"


def test_a_huge_label_is_told_without_counting_up_to_it():
    with pytest.raises(DataError, match="class '2' has no images"):
        splits.check_classes("dataset x", np.array([0, 1, 2**40]), range(2**40 + 1))


def test_images_are_written_in_chunks_as_they_are(tmp_path, store, monkeypatch):
    monkeypatch.setattr(splits, "_CHUNK", 7)
    images = np.random.default_rng(0).integers(0, 256, (50, 1, 2, 2), dtype=np.uint8)
    labels = np.arange(50) % 2
    parts = {"train": images, "test": images[:11]}, {"train": labels, "test": labels[:11]}
    artifact = store.build({}, lambda out, work: splits.save_parts("dataset x", out, *parts, classes=2, seed=0))
    indices = splits.draw("dataset x", labels, range(2), "validation", splits.VALIDATION, seed=0)
    for split, expected in {**indices, "test": np.arange(11)}.items():
        pixels, numbers = data.stored(artifact, split)
        assert np.array_equal(pixels, images[expected])
        assert np.array_equal(numbers, labels[expected])


@given(st.lists(st.integers(1, 30), min_size=2, max_size=5), st.sampled_from([0.1, 0.2, 0.9]), st.integers(0, 9))
def test_every_class_is_in_every_part_or_the_first_that_is_not_is_told(numbers, share, seed):
    labels = np.repeat(np.arange(len(numbers)), numbers)
    names = [f"class {label}" for label in range(len(numbers))]
    try:
        parts = splits.draw("dataset x", labels, names, "test", share, seed)
    except DataError as problem:
        told = [f"dataset x: class {name!r} has too few images ({n})" for name, n in zip(names, numbers, strict=True)]
        assert any(str(problem).startswith(sentence) for sentence in told)  # noqa: PT017 - either is right
        assert min(numbers) * min(share, 1 - share) <= 0.5
        return
    assert all(set(labels[indices]) == set(range(len(numbers))) for indices in parts.values())
