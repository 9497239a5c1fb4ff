"""The order of the classes from a text file."""

import pytest

from dlas.errors import DataError
from dlas.layers.dataset import order


def read(path, content, classes=0):
    path.write_bytes(content)
    return order.read("dataset x", path, classes)


@pytest.mark.parametrize(
    "content",
    [b"rose\ntulip\n", b"rose\r\ntulip\r\n", b" rose\ntulip \n\n\n", b"rose\ntulip", b"\xef\xbb\xbfrose\ntulip"],
)
def test_a_name_a_line(tmp_path, content):
    assert read(tmp_path / "labels.txt", content) == ("rose", "tulip")


def test_names_may_have_blanks_and_any_letters(tmp_path):
    assert read(tmp_path / "labels.txt", "Löwen mäulchen\nrosa alba\n".encode()) == ("Löwen mäulchen", "rosa alba")


@pytest.mark.parametrize(
    ("content", "classes", "sentence"),
    [
        (b"rose\ntulip\nrose\n", 0, ": 'rose' stands there twice; give each class one line"),
        (b"rose\n\ntulip\n", 0, ": a line is empty; give each class one line"),
        (b"", 0, ": a line is empty; give each class one line"),
        (b"rose\ntulip\n", 3, " has 2 lines, but classes=3; make them agree"),
    ],
)
def test_a_file_that_gives_no_order_is_told(tmp_path, content, classes, sentence):
    with pytest.raises(DataError) as caught:
        read(tmp_path / "labels.txt", content, classes)
    assert str(caught.value) == f"dataset x: labels {tmp_path / 'labels.txt'}{sentence}"


def test_a_file_that_is_no_text_is_told(tmp_path):
    for path in (tmp_path / "labels.txt", tmp_path):
        (tmp_path / "labels.txt").write_bytes(b"\xff\xfe\x00r")
        with pytest.raises(DataError) as caught:
            order.read("dataset x", path, 0)
        assert str(caught.value).startswith(f"dataset x: labels {path} cannot be read (")
        assert str(caught.value).endswith("); give a text file")
