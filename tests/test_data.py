"""Splits, subsets and the file that holds data."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlas import data
from dlas.errors import DataError, StoreError

SHARES = {"train": 0.5, "validation": 0.15, "test": 0.35}

labels = st.lists(st.integers(0, 5), min_size=1, max_size=300).map(np.array)
seeds = st.integers(0, 2**32 - 1)


@given(labels, seeds)
def test_every_image_is_in_exactly_one_part(labels, seed):
    parts = data.stratified_split(labels, SHARES, seed)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(len(labels)))


@given(labels, seeds)
def test_every_part_keeps_the_proportions_of_the_classes(labels, seed):
    parts = data.stratified_split(labels, SHARES, seed)
    for label in np.unique(labels):
        for name, share in SHARES.items():
            assert abs(np.sum(labels[parts[name]] == label) - share * np.sum(labels == label)) <= 1


@given(labels, seeds)
def test_one_seed_gives_one_split(labels, seed):
    once, again = (data.stratified_split(labels, SHARES, seed) for _ in range(2))
    assert all(np.array_equal(once[name], again[name]) for name in SHARES)


def test_another_seed_gives_another_split():
    labels = np.repeat(np.arange(10), 50)
    once, other = (data.stratified_split(labels, SHARES, seed)["train"] for seed in (0, 1))
    assert set(once) != set(other)


def test_a_part_is_not_ordered_by_class():
    labels = np.repeat(np.arange(10), 50)
    drawn = labels[data.stratified_split(labels, SHARES, 0)["train"]]
    assert not np.array_equal(drawn, np.sort(drawn))


@example(np.repeat(np.arange(10), 3), 15)
@example(np.repeat(np.arange(10), 100), 4)
@given(labels, st.integers(1, 400))
def test_a_subset_is_exactly_as_large_as_asked(labels, count):
    assert len(data.stratified_subset(labels, count)) == min(count, len(labels))


@given(labels, st.integers(1, 400))
def test_a_subset_keeps_the_proportions_of_the_classes(labels, count):
    chosen = labels[data.stratified_subset(labels, count)]
    share = min(1, count / len(labels))
    for label in np.unique(labels):
        assert abs(np.sum(chosen == label) - share * np.sum(labels == label)) <= 1


@given(labels, st.integers(1, 400))
def test_a_subset_is_fixed_sorted_and_without_repetition(labels, count):
    subset = data.stratified_subset(labels, count)
    assert np.array_equal(subset, np.unique(subset))
    assert np.array_equal(subset, data.stratified_subset(labels, count))


def splits(images=20):
    generator = np.random.default_rng(0)
    return {
        name: (generator.random((images, 3, 4, 5)), generator.integers(0, 7, images).astype(np.int32))
        for name in data.SPLITS
    }


def test_what_is_saved_is_loaded_as_float32_and_int64(store):
    given = splits()
    artifact = store.build({"data": 1}, lambda out, work: data.save(out, given, classes=7, calibration=8))
    for name in data.SPLITS:
        images, labels = data.load(artifact, name)
        assert (images.dtype, labels.dtype) == (np.float32, np.int64)
        assert np.array_equal(images, given[name][0].astype(np.float32))
        assert np.array_equal(labels, given[name][1])


def test_the_facts_tell_shape_classes_and_numbers(store):
    artifact = store.build({"data": 1}, lambda out, work: data.save(out, splits(), classes=7, calibration=8))
    numbers = {"train": 20, "validation": 20, "test": 20}
    assert artifact.facts == {"shape": [3, 4, 5], "classes": 7, "calibration": 8, "images": numbers}


@pytest.mark.parametrize(("asked", "there"), [(8, 8), (100, 20)])
def test_calibration_images_are_the_first_of_the_training_images(store, asked, there):
    artifact = store.build({"data": 1}, lambda out, work: data.save(out, splits(), classes=7, calibration=asked))
    images, labels = data.load(artifact, "calibration")
    assert len(labels) == there
    assert np.array_equal(images, data.load(artifact, "train")[0][:there])


def test_transposed_images_are_saved_as_they_look(store):
    given = {name: (images.transpose(0, 1, 3, 2), labels) for name, (images, labels) in splits().items()}
    artifact = store.build({"data": 1}, lambda out, work: data.save(out, given, classes=7, calibration=8))
    assert np.array_equal(data.load(artifact, "test")[0], given["test"][0].astype(np.float32))


def test_damaged_data_are_not_loaded(store):
    artifact = store.build({"data": 1}, lambda out, work: data.save(out, splits(), classes=7, calibration=8))
    (artifact.folder / data.FILE).write_bytes(b"")
    with pytest.raises(StoreError):
        data.load(artifact, "test")


@pytest.mark.parametrize(
    ("images", "labels", "sentence"),
    [
        ((5, 8, 8), (5,), "npz@x: images have shape (5, 8, 8); they need four dimensions, NHWC or NCHW"),
        ((5, 1, 8, 8), (4,), "npz@x: 5 images but labels of shape (4,); give one label an image"),
        ((5, 1, 8, 8), (5, 10), "npz@x: 5 images but labels of shape (5, 10); give one label an image"),
    ],
)
def test_images_and_labels_that_do_not_fit_are_told(images, labels, sentence):
    with pytest.raises(DataError) as caught:
        data.check("npz@x", np.zeros(images), np.zeros(labels))
    assert str(caught.value) == sentence
