"""What adapts published networks; that what comes out computes is tested where networks are built."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlas.layers.model import adapt, mobilenet, resnet_imagenet

PUBLISHED = (mobilenet.STEM_STRIDE, *(stride for _, stride in mobilenet.BLOCKS))

published = st.lists(st.sampled_from([1, 2]), min_size=1, max_size=12)


def test_large_images_have_the_published_strides():
    assert adapt.strides(PUBLISHED, 224, 2) == list(PUBLISHED)


@given(published, st.integers(1, 300), st.integers(1, 8))
def test_so_many_pixels_are_left_as_long_as_there_were_any_and_late_strides_survive(published, size, least):
    strides = adapt.strides(published, size, least)
    assert all(chosen in (1, asked) for chosen, asked in zip(strides, published, strict=True))
    assert -(-size // 2 ** strides.count(2)) >= min(least, size)
    kept = [stride for stride, asked in zip(strides, published, strict=True) if asked == 2]
    assert kept == sorted(kept)


@given(published, st.integers(1, 300), st.integers(1, 8))
def test_no_stride_is_given_up_in_vain(published, size, least):
    strides = adapt.strides(published, size, least)
    given_up = published.count(2) - strides.count(2)
    if given_up:
        assert -(-size // 2 ** (strides.count(2) + 1)) < least


@pytest.mark.parametrize(
    ("size", "strides"), [(32, [1, 1, 2, 2, 2]), (64, [1, 2, 2, 2, 2]), (28, [1, 1, 2, 2, 2]), (8, [1, 1, 1, 1, 2])]
)
def test_resnet_18_has_the_strides_that_are_usual_for_small_images(size, strides):
    assert adapt.strides(resnet_imagenet.STRIDES, size, resnet_imagenet.LAST_PIXELS) == strides


@pytest.mark.parametrize(("channels", "width", "expected"), [(64, 1, 64), (12, 1, 12), (64, 0.25, 16), (32, 0.1, 8)])
def test_other_widths_give_multiples_of_eight(channels, width, expected):
    assert adapt.widened(channels, width) == expected


def test_widening_keeps_images_and_classes_and_what_is_added_fits():
    import torch
    from torch import nn

    network = nn.Sequential(nn.Conv2d(3, 64, 3, 2, 1), nn.BatchNorm2d(64), nn.Conv2d(64, 128, 1, bias=False))
    network.append(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10)))
    adapt.widen(network, 0.5)
    first, norm, second, end = network
    assert (first.in_channels, first.out_channels, first.stride, first.padding) == (3, 32, (2, 2), (1, 1))
    assert (norm.num_features, second.in_channels, second.out_channels, second.bias) == (32, 32, 64, None)
    assert (end[2].in_features, end[2].out_features) == (64, 10)
    assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 10)


def test_a_first_convolution_for_grey_images():
    import torch
    from torch import nn

    network = nn.Sequential(nn.Sequential(nn.Conv2d(3, 8, 5, 2, 1, bias=False)), nn.Conv2d(8, 8, 1))
    adapt.recolour(network, 1)
    assert network(torch.zeros(2, 1, 9, 9)).shape == (2, 8, 4, 4)


@pytest.mark.parametrize(("stride", "kernel"), [(1, 3), (2, 7)])
def test_a_stem_that_does_not_stride_is_small(stride, kernel):
    from torch import nn

    stem = adapt.stem(nn.Conv2d(3, 64, 7, 2, 3, bias=False), 1, stride)
    assert (stem.in_channels, stem.kernel_size, stem.stride, stem.bias) == (1, (kernel,) * 2, (stride,) * 2, None)
