"""Data for networks: small random images that a network can be built for."""

import numpy as np
import pytest

from dlas import data


def noise(store, shape, classes=10, train=64):
    """Random images, as a Data artifact."""
    generator = np.random.default_rng(0)

    def make(out, work):
        splits = {
            name: (generator.normal(size=(count, *shape)).astype("float32"), np.arange(count) % classes)
            for name, count in (("train", train), ("validation", 2 * classes), ("test", 2 * classes))
        }
        return data.save(out, splits, classes, calibration=train)

    return store.build({"option": "noise", "shape": list(shape), "classes": classes}, make)


@pytest.fixture
def small(store):
    """Images of 3x8x8 in four classes."""
    return noise(store, (3, 8, 8), classes=4)


@pytest.fixture
def build(store, tmp_path):
    """Makes the Network artifact of a model's text for data."""
    from dlas import registry

    def make(text, source, **given):
        (option,) = registry.parse("model", text)
        recipe = {"model": text, "source": source.key}
        return store.build(recipe, lambda out, work: option.make(source, given, text, out, work, lambda message: None))

    return make
