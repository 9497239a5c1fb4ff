"""Data for networks: small random images that a network can be built for."""

from functools import partial

import drawn
import pytest

from dlas import network, registry


@pytest.fixture
def noise(store):
    """Makes a Data artifact of random images."""
    return partial(drawn.source, store)


@pytest.fixture
def small(noise):
    """Images of 3x8x8 in four classes."""
    return noise((3, 8, 8), classes=4)


@pytest.fixture
def build(store, tmp_path):
    """Makes the Network artifact of a model's text for data."""

    def make(text, source, **given):
        (option,) = registry.parse("model", text)
        recipe = {"model": text, "source": source.key}
        return store.build(recipe, lambda out, work: option.make(source, given, text, out, work, lambda message: None))

    return make


@pytest.fixture
def unscored(monkeypatch):
    """Fails where whole sets of images are scored."""

    def scored(*arguments):
        raise AssertionError

    monkeypatch.setattr(network, "accuracies", scored)
