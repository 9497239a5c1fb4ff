"""A user's own arrays: what is made of good ones, and what is said about bad ones."""

from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlas import data
from dlas.errors import DataError
from dlas.layers.dataset.npz import Npz

GENERATOR = np.random.default_rng(0)


def arrays(shape=(6, 5, 3), train=40, test=10, classes=4):
    return {
        "x_train": GENERATOR.integers(0, 256, (train, *shape), dtype=np.uint8),
        "y_train": np.arange(train) % classes,
        "x_test": GENERATOR.integers(0, 256, (test, *shape), dtype=np.uint8),
        "y_test": np.arange(test) % classes,
    }


def load(store, tmp_path, seed=0, layout="", normalisation=None, **given):
    np.savez(tmp_path / "flowers.npz", **given)
    option = Npz("flowers", seed=seed, **(normalisation or {}))
    places = {"flowers": tmp_path / "flowers.npz"}
    return store.build({"seed": seed, "layout": layout}, lambda out, work: option.load(places, out))


def refuse(tmp_path, path):
    with pytest.raises(DataError) as caught:
        Npz("flowers").load({"flowers": path}, tmp_path)
    assert str(caught.value).startswith("dataset npz@flowers: ")
    return str(caught.value)


@pytest.mark.parametrize(
    ("shape", "becomes"),
    [((6, 5, 3), [3, 6, 5]), ((3, 6, 5), [3, 6, 5]), ((8, 8, 1), [1, 8, 8]), ((4, 8, 8), [4, 8, 8])],
)
def test_channels_come_first_whatever_the_layout(store, tmp_path, shape, becomes):
    assert load(store, tmp_path, **arrays(shape)).facts["shape"] == becomes


def test_channels_last_and_first_give_the_same_data(store, tmp_path):
    last = arrays((6, 5, 3))
    first = {name: a.transpose(0, 3, 1, 2) if name.startswith("x") else a for name, a in last.items()}
    one, other = (load(store, tmp_path, layout=name, **a) for name, a in (("last", last), ("first", first)))
    assert one.key != other.key
    assert one.files == other.files


def test_a_tenth_of_the_training_images_of_each_class_become_validation_images(store, tmp_path):
    artifact = load(store, tmp_path, **arrays())
    assert artifact.facts["images"] == {"train": 36, "validation": 4, "test": 10}
    assert sorted(data.load(artifact, "validation")[1]) == [0, 1, 2, 3]


def test_images_are_normalised_by_the_training_images(store, tmp_path):
    seen, _ = data.load(load(store, tmp_path, **arrays()), "train")
    assert np.allclose(seen.mean((0, 2, 3)), 0, atol=1e-5)
    assert np.allclose(seen.std((0, 2, 3)), 1, atol=1e-5)


@pytest.mark.parametrize(("kind", "scale"), [(np.uint8, 255), (np.float32, 1), (np.int64, 1)])
def test_given_mean_and_deviation_count_bytes_from_0_to_1_and_other_numbers_as_they_are(store, tmp_path, kind, scale):
    given = {name: array.astype(kind) if name.startswith("x") else array for name, array in arrays().items()}
    artifact = load(store, tmp_path, normalisation={"mean": "0.5:0:0.25", "std": "2:1:0.5"}, **given)
    pixels = given["x_test"].transpose(0, 3, 1, 2) / scale
    expected = (pixels - np.array([0.5, 0, 0.25])[:, None, None]) / np.array([2, 1, 0.5])[:, None, None]
    assert np.allclose(data.load(artifact, "test")[0], expected, rtol=1e-6, atol=1e-6)


def test_bytes_stay_bytes(store, tmp_path):
    assert data.stored(load(store, tmp_path, **arrays()), "train")[0].dtype == np.uint8


def test_test_images_and_all_labels_keep_their_order(store, tmp_path):
    given = arrays()
    labels = data.load(load(store, tmp_path, **given), "test")[1]
    assert np.array_equal(labels, given["y_test"])


def test_the_seed_draws_the_validation_images(store, tmp_path):
    given = arrays()
    zero, one = (data.load(load(store, tmp_path, seed, **given), "validation")[0] for seed in (0, 1))
    assert not np.array_equal(zero, one)


def test_a_missing_array_is_named(tmp_path):
    given = arrays()
    del given["y_test"]
    np.savez(tmp_path / "x.npz", **given)
    sentence = f"{tmp_path / 'x.npz'} lacks y_test; it needs x_train, y_train, x_test, y_test"
    assert refuse(tmp_path, tmp_path / "x.npz") == f"dataset npz@flowers: {sentence}"


def broken_files(folder):
    np.savez(folder / "whole.npz", **arrays())
    whole = (folder / "whole.npz").read_bytes()
    np.savez(folder / "pickled.npz", **{**arrays(), "x_train": np.array([{}], object)})
    np.save(folder / "array.npy", np.zeros(3))
    damaged = bytearray(whole)
    damaged[len(whole) // 4] ^= 255
    return {
        "empty": b"",
        "text": b"roses are red",
        "truncated": whole[: len(whole) // 2],
        "damaged": bytes(damaged),
        "one array": (folder / "array.npy").read_bytes(),
        "pickled": (folder / "pickled.npz").read_bytes(),
    }


@pytest.mark.parametrize("kind", ["empty", "text", "truncated", "damaged", "one array", "pickled"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, kind):
    path = tmp_path / "flowers.npz"
    path.write_bytes(broken_files(tmp_path)[kind])
    assert f"{path} is no readable .npz file" in refuse(tmp_path, path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of two files that are read, one of them compressed, and a place for damaged ones."""
    folder = tmp_path_factory.mktemp("fuzz")
    np.savez(folder / "plain.npz", **arrays((2, 2, 1)))
    np.savez_compressed(folder / "packed.npz", **arrays((2, 2, 1)))
    return folder, [(folder / f"{name}.npz").read_bytes() for name in ("plain", "packed")]


@given(st.sampled_from([0, 1]), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_file_is_read_or_refused(whole, which, damage):
    folder, contents = whole
    content = bytearray(contents[which])
    for position, value in damage:
        content[position % len(content)] = value
    (folder / "flowers.npz").write_bytes(content)
    try:
        Npz("flowers").load({"flowers": folder / "flowers.npz"}, folder)
    except DataError as problem:
        assert str(problem).startswith("dataset npz@flowers: ")  # noqa: PT017 - either is right


def npy(header):
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (10**12, 8, 8, 3), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 8, 8, 3), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1, 8, 8, 3), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 8, 8, 3), }",
        "{'descr': '|u1', 'shape': (1, 8, 8, 3), }",
        "__import__('os').system('true')",
        "{" * 50,
        "\\",
    ],
)
def test_a_header_that_lies_is_refused(tmp_path, header):
    np.savez(tmp_path / "flowers.npz", **arrays())
    with ZipFile(tmp_path / "flowers.npz") as file:
        members = {name: file.read(name) for name in file.namelist()}
    with ZipFile(tmp_path / "flowers.npz", "w") as file:
        for name, content in {**members, "x_train.npy": npy(header)}.items():
            file.writestr(name, content)
    assert "is no readable .npz file" in refuse(tmp_path, tmp_path / "flowers.npz")


def test_a_folder_is_no_npz_file(tmp_path):
    assert "is no readable .npz file" in refuse(tmp_path, tmp_path)


def test_a_wrong_number_of_means_is_told(tmp_path):
    np.savez(tmp_path / "x.npz", **arrays())
    with pytest.raises(DataError) as caught:
        Npz("flowers", mean="0.5:0.5", std="1").load({"flowers": tmp_path / "x.npz"}, tmp_path)
    sentence = "mean=0.5:0.5 is not allowed; give one number, or 3 parted by colons"
    assert str(caught.value) == f"dataset npz@flowers: {sentence}"


@pytest.mark.parametrize(
    "bad",
    [
        {"x_train": np.zeros((40, 64))},
        {"y_train": np.zeros(39)},
        {"y_train": np.eye(4)[np.arange(40) % 4]},
        {"y_train": np.array(["rose", "tulip"] * 20)},
        {"y_train": np.full(40, -1)},
        {"x_train": np.full((40, 6, 5, 3), "red")},
        {"x_train": np.zeros((0, 6, 5, 3)), "y_train": np.zeros(0)},
        {"x_test": np.zeros((0, 6, 5, 3)), "y_test": np.zeros(0)},
        {"x_test": np.zeros((10, 6, 5, 1))},
        {"x_test": np.zeros((10, 7, 5, 3))},
        {"x_train": np.full((40, 6, 5, 3), np.nan)},
        {"x_test": np.zeros((10, 6, 5, 3), np.float32)},
        {"y_train": np.arange(40) % 4 + (np.arange(40) % 4 > 2)},
        {"y_test": np.arange(10) % 3},
        {"y_test": np.arange(10) % 5},
        {"x_train": np.zeros((4, 6, 5, 3), np.uint8), "y_train": np.arange(4)},
    ],
    ids=[
        "flat images",
        "a label too few",
        "one-hot labels",
        "words for labels",
        "negative labels",
        "words for images",
        "no training images",
        "no test images",
        "other channels in the test images",
        "another size of the test images",
        "images that are not finite",
        "bytes for training, fractions for testing",
        "a class without training images",
        "a class without test images",
        "a class that only the test images have",
        "too few images for validation",
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, bad):
    np.savez(tmp_path / "x.npz", **{**arrays(), **bad})
    refuse(tmp_path, tmp_path / "x.npz")
