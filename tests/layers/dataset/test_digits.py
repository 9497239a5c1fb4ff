"""The digits that need no download."""

import numpy as np
import pytest

from dlas import data
from dlas.layers.dataset.digits import Digits


@pytest.fixture
def digits(store):
    pytest.importorskip("sklearn")
    return store.build({"dataset": "digits"}, lambda out, work: Digits().load({}, out))


def test_every_digit_is_in_one_of_three_splits(digits):
    assert digits.facts["images"] == {"train": 898, "validation": 270, "test": 629}
    assert sum(digits.facts["images"].values()) == 1797
    assert (digits.facts["shape"], digits.facts["classes"]) == ([1, 8, 8], 10)


def test_training_images_have_mean_zero_and_deviation_one(digits):
    images, _ = data.load(digits, "train")
    assert abs(images.mean()) < 1e-5
    assert abs(images.std() - 1) < 1e-5


def test_no_image_is_in_two_splits(digits):
    images = np.concatenate([data.load(digits, name)[0].reshape(-1, 64) for name in data.SPLITS])
    assert len(np.unique(images, axis=0)) == 1797


def test_loading_again_gives_the_same_bytes(digits, store):
    again = store.build({"dataset": "digits", "again": 1}, lambda out, work: Digits().load({}, out))
    assert again.files == digits.files
