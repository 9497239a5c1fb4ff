"""CIFAR-10 as published: python batches, which are pickles and never unpickled, and binary ones."""

import io
import pickle
import pickletools
import struct
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlas import data
from dlas.errors import DataError
from dlas.layers.dataset import python_batch
from dlas.layers.dataset.cifar10 import FILES, PIXELS, Cifar10

BATCHES = [*FILES["train"], *FILES["test"]]


def text(value):
    """A string as Python 2 pickled it."""
    raw = value.encode("latin-1")
    return b"U" + bytes([len(raw)]) + raw if len(raw) < 256 else b"T" + struct.pack("<I", len(raw)) + raw


def python_file(pixels, labels):
    """The opcodes of the published files, in their order."""
    rows = struct.pack("<H", len(pixels))
    return b"".join(
        [
            b"\x80\x02}q\x01(",
            text("batch_label") + b"q\x02" + text("training batch 1 of 5") + b"q\x03",
            text("labels") + b"q\x04]q\x05(" + b"".join(b"K" + bytes([label]) for label in labels) + b"e",
            text("data") + b"q\x06cnumpy.core.multiarray\n_reconstruct\nq\x07",
            b"cnumpy\nndarray\nq\x08K\x00\x85" + text("b") + b"\x87Rq\x09(K\x01M" + rows + b"M\x00\x0c\x86",
            b"cnumpy\ndtype\nq\x0a" + text("u1") + b"K\x00K\x01\x87Rq\x0b(K\x03" + text("|") + b"NNN",
            b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + text(pixels.tobytes().decode("latin-1")) + b"tb",
            text("filenames") + b"q\x0c]q\x0d(" + b"".join(text(f"{i}.png") for i in range(len(labels))) + b"eu.",
        ]
    )


def binary_file(pixels, labels):
    return np.hstack([np.array(labels, np.uint8)[:, None], pixels]).tobytes()


def batches(number=20):
    generator = np.random.default_rng(0)
    return {
        name: (generator.integers(0, 256, (number, PIXELS), dtype=np.uint8), [i % 10 for i in range(number)])
        for name in BATCHES
    }


def written(folder, given, binary=False):
    folder.mkdir(exist_ok=True)
    for name, (pixels, labels) in given.items():
        content = binary_file(pixels, labels) if binary else python_file(pixels, labels)
        (folder / (name + (".bin" if binary else ""))).write_bytes(content)
    return folder


def packed(folder):
    path = folder.with_name("cifar-10-python.tar.gz")
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, "cifar-10-batches-py")
    return path


def load(store, source, seed=0, **recipe):
    option = Cifar10("c", seed)
    return store.build({"seed": seed, **recipe}, lambda out, work: option.load({"c": source}, out))


def refuse(source, out):
    with pytest.raises(DataError) as caught:
        Cifar10("c").load({"c": source}, out)
    assert str(caught.value).startswith("dataset cifar10@c: ")
    return str(caught.value)


def test_our_python_file_is_what_unpickling_would_read():
    """The writer above stands for the published files, so it must be right itself."""
    pixels, labels = batches()["test_batch"]
    batch = pickle.loads(python_file(pixels, labels), encoding="latin-1")
    assert np.array_equal(batch["data"], pixels)
    assert (batch["labels"], batch["filenames"][3], batch["batch_label"]) == (labels, "3.png", "training batch 1 of 5")


@pytest.mark.parametrize("form", ["python", "binary", "packed"])
def test_pixels_and_labels_come_out_as_they_went_in(store, tmp_path, form):
    given = batches()
    source = written(tmp_path / "c", given, binary=form == "binary")
    artifact = load(store, packed(source) if form == "packed" else source)
    assert artifact.facts["images"] == {"train": 90, "validation": 10, "test": 20}
    assert (artifact.facts["shape"], artifact.facts["classes"]) == ([3, 32, 32], 10)
    pixels, labels = data.stored(artifact, "test")
    assert np.array_equal(pixels.reshape(20, -1), given["test_batch"][0])
    assert np.array_equal(labels, given["test_batch"][1])


def test_python_and_binary_batches_give_the_same_data(store, tmp_path):
    python, binary = (written(tmp_path / str(kind), batches(), kind) for kind in (False, True))
    assert load(store, python).files == load(store, binary, binary=True).files


def test_a_missing_batch_is_named(tmp_path):
    source = written(tmp_path / "c", batches())
    (source / "data_batch_3").unlink()
    assert refuse(source, tmp_path) == (
        f"dataset cifar10@c: {source} lacks data_batch_3; "
        "put data_batch_1 to data_batch_5 and test_batch there, or name the .tar.gz"
    )


@pytest.mark.parametrize("binary", [False, True])
def test_a_truncated_batch_is_named(tmp_path, binary):
    source = written(tmp_path / "c", batches(), binary)
    path = source / ("data_batch_2" + (".bin" if binary else ""))
    path.write_bytes(path.read_bytes()[:5000])
    assert f"{path.name} is no batch of CIFAR-10 (" in refuse(source, tmp_path)


def test_a_label_that_is_no_class_is_refused(tmp_path):
    given = batches()
    given["test_batch"][1][4] = 10
    sentence = refuse(written(tmp_path / "c", given), tmp_path)
    assert sentence == "dataset cifar10@c: test: label 10 is none of 0 to 9; number the classes from 0"


def test_a_class_without_images_is_refused(tmp_path):
    given = batches()
    for _, labels in given.values():
        labels[:] = [3 if label == 7 else label for label in labels]
    sentence = refuse(written(tmp_path / "c", given), tmp_path)
    assert sentence == "dataset cifar10@c: train: class '7' has no images; give it some, or leave the class out"


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("what", [Bomb(), {"data": Bomb(), "labels": [1]}, {"data": np.zeros((1, 4))}, [], {}, 5])
def test_nothing_else_is_read_and_nothing_ever_called(protocol, what):
    with pytest.raises(ValueError):
        python_batch.read(pickle.dumps(what, protocol))


@pytest.mark.parametrize("name", ["os system", "builtins exec", "numpy load", "numpy.core.multiarray fromfile"])
def test_a_name_beyond_the_published_ones_is_refused(name):
    module, _, attribute = name.partition(" ")
    with pytest.raises(ValueError) as caught:
        python_batch.read(f"\x80\x02c{module}\n{attribute}\n.".encode("latin-1"))
    assert str(caught.value) == f"it asks for {name}"


def test_arrays_of_other_than_bytes_are_refused():
    pixels, labels = batches()["test_batch"]
    with pytest.raises(ValueError) as caught:
        python_batch.read(python_file(pixels, labels).replace(b"U\x02u1", b"U\x02f8"))
    assert str(caught.value) == "its data are no array of bytes"


WHOLE = python_file(np.arange(2 * PIXELS, dtype=np.uint8).reshape(2, -1), [4, 5])


@given(st.integers(0, 250) | st.integers(len(WHOLE) - 50, len(WHOLE) - 1), st.integers(0, 255))
def test_one_wrong_byte_is_refused_or_changes_one_value(position, value):
    damaged = WHOLE[:position] + bytes([value]) + WHOLE[position + 1 :]
    try:
        pixels, labels = python_batch.read(damaged)
    except ValueError:
        return
    assert (pixels.dtype, labels.dtype) == (np.uint8, np.int64)


@given(st.binary(max_size=200))
def test_noise_is_refused(noise):
    with pytest.raises(ValueError):
        python_batch.read(b"\x80\x02" + noise)


OPCODES = [bytes([ord(op.code)]) for op in pickletools.opcodes if op.name in python_batch._STEPS]


@given(st.lists(st.sampled_from(OPCODES) | st.binary(max_size=3), max_size=40))
def test_opcodes_in_any_order_are_refused(opcodes):
    with pytest.raises(ValueError):
        python_batch.read(b"\x80\x02" + b"".join(opcodes) + b".")


def test_a_folder_inside_the_archive_may_have_any_name(store, tmp_path):
    source = written(tmp_path / "c", batches())
    path = tmp_path / "other.tar"
    with tarfile.open(path, "w") as archive:
        for file in source.iterdir():
            content = file.read_bytes()
            member = tarfile.TarInfo(f"some/where/{file.name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    assert load(store, path).facts["images"]["test"] == 20
