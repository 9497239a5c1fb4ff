"""Strides that suit the size of the images; the network itself is tested where it is built."""

import pytest

from dlas.layers.model.mobilenet import BLOCKS, LAST_PIXELS, strides_for

PUBLISHED = [2, *(stride for _, stride in BLOCKS)]


def test_large_images_have_the_published_strides():
    assert strides_for(224) == PUBLISHED


@pytest.mark.parametrize("size", [4, 8, 16, 28, 32, 64, 96, 128, 224])
def test_two_pixels_a_side_are_left_and_late_strides_survive(size):
    strides = strides_for(size)
    halvings = strides.count(2)
    assert size // 2**halvings >= LAST_PIXELS
    assert all(chosen in (1, published) for chosen, published in zip(strides, PUBLISHED, strict=True))
    kept = [stride for stride, published in zip(strides, PUBLISHED, strict=True) if published == 2]
    assert kept == sorted(kept)
