"""Mean and deviation as a user writes them."""

import pytest

from dlas.data import Normalisation
from dlas.errors import DataError
from dlas.layers.dataset import normalisation


def read(mean, std, channels=3, scale=1.0):
    return normalisation.read("dataset x", mean, std, channels, scale)


def test_measured_unless_given():
    assert read("measured", "measured") is None


def test_a_number_for_each_channel():
    assert read("0.485:0.456:0.406", "0.229:0.224:0.225") == Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_one_number_stands_for_all_channels():
    assert read("0.5", "0.25", channels=3) == Normalisation((0.5,) * 3, (0.25,) * 3)
    assert read("0", "1", channels=1) == Normalisation((0.0,), (1.0,))


def test_bytes_count_from_0_to_1():
    assert read("0.5", "0.5:1:0.1", scale=255.0) == Normalisation((127.5,) * 3, (127.5, 255.0, 25.5))


@pytest.mark.parametrize(
    ("mean", "std", "sentence"),
    [
        ("0.5", "measured", "mean=0.5 and std=measured; give both as numbers, or neither"),
        ("measured", "0.5", "mean=measured and std=0.5; give both as numbers, or neither"),
        ("0.5:0.5", "0.5", "mean=0.5:0.5 is not allowed; give one number, or 3 parted by colons"),
        ("0.5", "1:1:1:1", "std=1:1:1:1 is not allowed; give one number, or 3 parted by colons"),
        ("half", "0.5", "mean=half is not allowed; give one number, or 3 parted by colons"),
        ("0.5::0.5", "0.5", "mean=0.5::0.5 is not allowed; give one number, or 3 parted by colons"),
        ("nan", "0.5", "mean=nan is not allowed; give one number, or 3 parted by colons"),
        ("0.5", "inf", "std=inf is not allowed; give one number, or 3 parted by colons"),
        ("0.5", "0", "std=0 is not allowed; every deviation must be above 0"),
        ("0.5", "1:-1:1", "std=1:-1:1 is not allowed; every deviation must be above 0"),
    ],
)
def test_what_is_no_normalisation_is_told(mean, std, sentence):
    with pytest.raises(DataError) as caught:
        read(mean, std)
    assert str(caught.value) == f"dataset x: {sentence}"
