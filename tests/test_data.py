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


def splits(images=20, dtype=np.uint8):
    generator = np.random.default_rng(0)
    return {
        name: (
            generator.integers(0, 256, (images, 3, 4, 5)).astype(dtype),
            generator.integers(0, 7, images).astype(np.int32),
        )
        for name in data.SPLITS
    }


def saved(store, given, calibration=8, normalisation=None):
    def make(out, work):
        return data.save(out, given, classes=7, calibration=calibration, normalisation=normalisation)

    return store.build({"data": 1}, make)


@pytest.mark.parametrize(("dtype", "kept"), [(np.uint8, np.uint8), (np.float64, np.float32), (np.int64, np.float32)])
def test_bytes_are_stored_as_bytes_and_all_else_as_float32(store, dtype, kept):
    given = splits(dtype=dtype)
    artifact = saved(store, given)
    for name in data.SPLITS:
        pixels, labels = data.stored(artifact, name)
        assert (pixels.dtype, labels.dtype) == (kept, np.int64)
        assert np.array_equal(pixels, given[name][0])
        assert np.array_equal(labels, given[name][1])


def test_what_is_loaded_is_less_the_mean_over_the_deviation(store):
    given = splits()
    artifact = saved(store, given, normalisation=data.Normalisation((100.0, 127.5, 0.0), (50.0, 127.5, 255.0)))
    images, labels = data.load(artifact, "test")
    pixels = given["test"][0].astype(np.float64)
    assert (images.dtype, labels.dtype) == (np.float32, np.int64)
    assert np.allclose(images[:, 0], (pixels[:, 0] - 100) / 50, atol=1e-6)
    assert np.allclose(images[:, 1], pixels[:, 1] / 127.5 - 1, atol=1e-6)
    assert np.allclose(images[:, 2], pixels[:, 2] / 255, atol=1e-6)
    assert np.array_equal(images, data.normalise(artifact, data.stored(artifact, "test")[0]))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_unless_told_the_training_images_get_mean_zero_and_deviation_one(store, dtype):
    artifact = saved(store, splits(images=1500, dtype=dtype))
    images, _ = data.load(artifact, "train")
    assert np.allclose(images.mean((0, 2, 3)), 0, atol=1e-5)
    assert np.allclose(images.std((0, 2, 3)), 1, atol=1e-5)
    assert not np.allclose(data.load(artifact, "test")[0].mean((0, 2, 3)), 0, atol=1e-5)


@pytest.mark.parametrize("value", [0, 7, 0.1, 1e-30, 1e30])
def test_a_constant_channel_becomes_zero(store, value):
    given = splits(dtype=np.float32)
    given["train"][0][:, 1] = value
    images, _ = data.load(saved(store, given), "train")
    assert np.abs(images[:, 1]).max() <= abs(value) * 1e-6


def test_the_facts_tell_shape_classes_numbers_and_normalisation(store):
    artifact = saved(store, splits(), normalisation=data.Normalisation((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)))
    assert artifact.facts == {
        "shape": [3, 4, 5],
        "classes": 7,
        "calibration": 8,
        "images": {"train": 20, "validation": 20, "test": 20},
        "mean": [1.0, 2.0, 3.0],
        "std": [4.0, 5.0, 6.0],
    }


@pytest.mark.parametrize(("asked", "there"), [(8, 8), (100, 20)])
def test_calibration_images_are_the_first_of_the_training_images(store, asked, there):
    artifact = saved(store, splits(), calibration=asked)
    images, labels = data.load(artifact, "calibration")
    assert len(labels) == there
    assert np.array_equal(images, data.load(artifact, "train")[0][:there])


def test_chosen_images_are_those_of_the_split(store):
    artifact = saved(store, splits())
    chosen = np.array([7, 3, 19])
    images, labels = data.load(artifact, "test", chosen)
    whole, all_labels = data.load(artifact, "test")
    assert np.array_equal(images, whole[chosen])
    assert np.array_equal(labels, all_labels[chosen])


def test_transposed_images_are_saved_as_they_look(store):
    given = {name: (images.transpose(0, 1, 3, 2), labels) for name, (images, labels) in splits().items()}
    assert np.array_equal(data.stored(saved(store, given), "test")[0], given["test"][0])


def test_loaded_arrays_are_the_caller_s_own(store):
    artifact = saved(store, splits())
    for array in (*data.load(artifact, "test"), *data.stored(artifact, "test")):
        array[:] = 0
    assert data.stored(artifact, "test")[0].any()


@pytest.mark.parametrize("file", ["test_images.npy", "test_labels.npy"])
def test_damaged_data_are_not_loaded(store, file):
    artifact = saved(store, splits())
    (artifact.folder / file).write_bytes(b"")
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
