"""Fashion-MNIST, and the IDX format that it comes in."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlas import data
from dlas.errors import DataError
from dlas.layers.dataset import idx
from dlas.layers.dataset.fashion_mnist import FashionMnist

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
IMAGES = "train-images-idx3-ubyte"
GENERATOR = np.random.default_rng(0)


def idx_file(array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def files(train=100, test=20):
    arrays = {}
    for prefix, number in (("train", train), ("t10k", test)):
        arrays[f"{prefix}-images-idx3-ubyte"] = GENERATOR.integers(0, 256, (number, 6, 5))
        arrays[f"{prefix}-labels-idx1-ubyte"] = np.arange(number) % 10
    return arrays


def written(folder, arrays, packed=()):
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        if name in packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx_file(array)))
        else:
            (folder / name).write_bytes(idx_file(array))
    return folder


def load(store, source, seed=0):
    option = FashionMnist("fashion", seed)
    return store.build({"seed": seed, "at": source.name}, lambda out, work: option.load({"fashion": source}, out))


def refuse(source, out):
    with pytest.raises(DataError) as caught:
        FashionMnist("fashion").load({"fashion": source}, out)
    assert str(caught.value).startswith("dataset fashion-mnist@fashion: ")
    return str(caught.value).removeprefix("dataset fashion-mnist@fashion: ")


def test_pixels_and_labels_come_out_as_they_went_in(store, tmp_path):
    arrays = files()
    artifact = load(store, written(tmp_path / "plain", arrays))
    pixels, labels = data.stored(artifact, "test")
    assert np.array_equal(pixels[:, 0], arrays["t10k-images-idx3-ubyte"])
    assert np.array_equal(labels, arrays["t10k-labels-idx1-ubyte"])
    assert artifact.facts["images"] == {"train": 90, "validation": 10, "test": 20}
    assert (artifact.facts["shape"], artifact.facts["classes"]) == ([1, 6, 5], 10)


def test_packed_files_may_stand_beside_plain_ones(store, tmp_path):
    arrays = files()
    plain, packed = written(tmp_path / "a", arrays), written(tmp_path / "b", arrays, packed=(IMAGES,))
    assert load(store, plain).files == load(store, packed).files


def test_a_tenth_of_each_class_becomes_validation_images_drawn_by_the_seed(store, tmp_path):
    source = written(tmp_path / "f", files(train=200))
    zero, one = (load(store, source, seed) for seed in (0, 1))
    assert sorted(data.labels(zero, "validation")) == sorted(list(range(10)) * 2)
    assert not np.array_equal(data.stored(zero, "validation")[0], data.stored(one, "validation")[0])
    assert np.array_equal(data.stored(zero, "test")[0], data.stored(one, "test")[0])


@pytest.mark.parametrize("name", files())
def test_a_missing_file_is_named(tmp_path, name):
    source = written(tmp_path / "f", files())
    (source / name).unlink()
    assert refuse(source, tmp_path) == f"{source} has neither {name} nor {name}.gz; put the four IDX files there"


def test_a_file_in_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "f").write_bytes(b"")
    assert refuse(tmp_path / "f", tmp_path).startswith(f"{tmp_path / 'f'} has neither ")


def broken():
    whole = idx_file(np.zeros((100, 6, 5)))
    return {
        "empty": b"",
        "half a header": whole[:6],
        "truncated": whole[:-1],
        "too long": whole + b"\0",
        "other dimensions": idx_file(np.zeros((100, 30))),
        "other numbers": b"\0\0\x0d" + whole[3:],
        "text": b"roses are red, violets are blue",
        "huge": struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 2**31),
        "packed but not so called": gzip.compress(whole),
    }


@pytest.mark.parametrize("kind", broken())
def test_a_broken_file_is_named(tmp_path, kind):
    source = written(tmp_path / "f", files())
    (source / IMAGES).write_bytes(broken()[kind])
    sentence = refuse(source, tmp_path)
    assert sentence.startswith(f"{source / IMAGES} is no whole IDX file (")
    assert sentence.endswith("); fetch it again")


@pytest.mark.parametrize("kind", ["truncated", "damaged", "plain but called .gz"])
def test_a_broken_packed_file_is_named(tmp_path, kind):
    source = written(tmp_path / "f", files(), packed=(IMAGES,))
    path = source / f"{IMAGES}.gz"
    whole = path.read_bytes()
    damaged = whole[:100] + bytes([whole[100] ^ 255]) + whole[101:]
    path.write_bytes({"truncated": whole[:-9], "damaged": damaged}.get(kind, gzip.decompress(whole)))
    assert refuse(source, tmp_path).startswith(f"{path} is no whole IDX file (")


def test_what_a_header_announces_and_is_not_there_is_told_in_words(tmp_path):
    source = written(tmp_path / "f", files())
    (source / IMAGES).write_bytes(idx_file(np.zeros((100, 6, 5)))[:-1])
    assert refuse(source, tmp_path) == (
        f"{source / IMAGES} is no whole IDX file (its header announces 3,000 bytes, fewer are there); fetch it again"
    )


def test_labels_that_fit_no_image_are_told(tmp_path):
    source = written(tmp_path / "f", {**files(), "t10k-labels-idx1-ubyte": np.arange(19) % 10})
    assert refuse(source, tmp_path) == "test: 20 images but labels of shape (19,); give one label an image"


def test_a_label_that_is_no_class_is_told(tmp_path):
    source = written(tmp_path / "f", {**files(), "t10k-labels-idx1-ubyte": np.arange(20) % 11})
    assert refuse(source, tmp_path) == "test: label 10 is none of 0 to 9; number the classes from 0"


WHOLE = gzip.compress(idx_file(np.arange(4 * 6 * 5).reshape(4, 6, 5)))


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255), st.booleans())
def test_one_wrong_byte_is_refused_or_changes_nothing(tmp_path_factory, position, value, packed):
    folder = tmp_path_factory.getbasetemp()
    content = WHOLE if packed else gzip.decompress(WHOLE)
    position %= len(content)
    (folder / ("x.gz" if packed else "x")).write_bytes(content[:position] + bytes([value]) + content[position + 1 :])
    (folder / ("x" if packed else "x.gz")).unlink(missing_ok=True)
    try:
        array = idx.read("dataset x", folder, "x", 3)
    except DataError as problem:
        assert str(problem).startswith(f"dataset x: {folder}/x")  # noqa: PT017 - either is right
        return
    assert array.size == 120


def test_too_few_images_for_a_split_are_told(tmp_path):
    source = written(tmp_path / "f", files(train=40))
    sentence = "class '0' has too few images (4) to draw some for validation; give it more"
    assert refuse(source, tmp_path) == sentence


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="needs the Debian package dataset-fashion-mnist")
def test_the_real_one(store):
    """Its own numbers (arXiv 1708.07747, table 1), and a mean and deviation that everybody knows: 0.2860, 0.3530."""
    artifact = load(store, DEBIAN)
    assert artifact.facts["images"] == {"train": 54_000, "validation": 6_000, "test": 10_000}
    assert artifact.facts["shape"] == [1, 28, 28]
    assert np.bincount(data.labels(artifact, "test")).tolist() == [1_000] * 10
    assert artifact.facts["mean"][0] / 255 == pytest.approx(0.2860, abs=5e-4)
    assert artifact.facts["std"][0] / 255 == pytest.approx(0.3530, abs=5e-4)
