"""Data for networks: small random images that a network can be built for."""

import numpy as np
import pytest

from dlas import data, registry


@pytest.fixture
def noise(store):
    """Makes a Data artifact of random images."""

    def drawn(shape, classes=10):
        generator = np.random.default_rng(0)

        def make(out, work):
            splits = {
                name: (generator.normal(size=(count, *shape)).astype("float32"), np.arange(count) % classes)
                for name, count in (("train", 64), ("validation", 2 * classes), ("test", 2 * classes))
            }
            return data.save(out, splits, classes, calibration=64)

        return store.build({"option": "noise", "shape": list(shape), "classes": classes}, make)

    return drawn


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
