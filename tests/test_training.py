"""Training: the budget, the schedule, that the seed decides the result, also after a kill."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dlas import data, training
from dlas.training import Recipe

IMAGES = 50
PLAIN = Recipe(120, batch=16, seed=3)
RECIPES = [
    PLAIN,
    replace(PLAIN, optimizer="adamw", rate=1e-3, smoothing=0.1),
    replace(PLAIN, ema=0.9, augmentation=("crop", "flip")),
    replace(PLAIN, momentum=0.0, augmentation=("resized-crop",)),
]


class Killed(Exception):
    """Stands for `kill -9`, shortly before the checkpoint of an epoch is written."""


@pytest.fixture
def source(store):
    """Grey and coloured noise in two classes, one of them brighter: something to learn."""
    generator = np.random.default_rng(0)

    def make(out, work):
        labels = np.arange(IMAGES) % 2
        images = generator.integers(0, 128, (IMAGES, 3, 8, 8)) + 100 * labels[:, None, None, None]
        return data.save(out, dict.fromkeys(data.SPLITS, (images.astype(np.uint8), labels)), 2, calibration=8)

    return store.build({"option": "noise"}, make)


def network():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))


def trained(source, recipe, work, kill_after=None):
    """The state dict after training; `kill_after` so many epochs it is killed and started again."""
    work.mkdir(exist_ok=True)

    def report(message):
        if kill_after and message["done"] == min(kill_after * IMAGES, recipe.images):
            raise Killed

    module = network()
    if kill_after:
        with pytest.raises(Killed):
            training.fit(module, source, recipe, work, report)
        assert (work / training.CHECKPOINT).exists() == (kill_after > 1)
        kill_after, module = None, network()
    training.fit(module, source, recipe, work, report)
    return module.state_dict()


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("recipe", RECIPES, ids=["sgd", "adamw", "ema", "no-momentum"])
def test_one_seed_gives_one_network_also_after_a_kill(source, recipe, tmp_path):
    whole = trained(source, recipe, tmp_path / "whole")
    assert same(whole, trained(source, recipe, tmp_path / "again"))
    assert same(whole, trained(source, recipe, tmp_path / "killed", kill_after=1))
    assert same(whole, trained(source, recipe, tmp_path / "late", kill_after=2))


def test_another_seed_gives_another_network(source, tmp_path):
    one = trained(source, PLAIN, tmp_path / "one")
    assert not same(one, trained(source, replace(PLAIN, seed=4), tmp_path / "other"))


def test_what_can_be_learnt_is_learnt(source, tmp_path):
    module = network()
    seconds = training.fit(module, source, replace(PLAIN, images=1_000), tmp_path, lambda message: None)
    assert training.accuracy(module, source, "test") == 1.0
    assert seconds > 0
    assert not module.training
    assert all(value.is_contiguous() for value in module.parameters())


@pytest.mark.parametrize("budget", [1, 2, 17, 50, 120])
def test_exactly_the_budget_is_seen(source, budget, tmp_path, monkeypatch):
    seen = []
    batch = training._Feed.batch
    monkeypatch.setattr(
        training._Feed, "batch", lambda self, chosen: (seen.append(len(chosen)), batch(self, chosen))[1]
    )
    trained(source, replace(PLAIN, images=budget), tmp_path)
    last = budget % IMAGES % PLAIN.batch
    assert sum(seen) == budget - (last == 1)  # batch norm needs two images


def test_no_budget_changes_nothing(source, tmp_path):
    before = network().state_dict()
    assert same(before, trained(source, replace(PLAIN, images=0), tmp_path))


def test_progress_tells_images_and_accuracy_of_the_last_epoch(source, tmp_path):
    heard = []
    training.fit(network(), source, PLAIN, tmp_path, heard.append)
    assert {message["of"] for message in heard} == {PLAIN.images}
    assert [message["done"] for message in heard] == sorted(message["done"] for message in heard)
    assert "accuracy" not in heard[0]
    assert 0 <= heard[-1]["accuracy"] <= 1


@pytest.mark.parametrize("names", [("crop",), ("resized-crop",), ("flip",), ("crop", "flip")])
def test_augmented_images_keep_their_shape_and_differ(names):
    torch.manual_seed(0)
    augment = training._augmentation(names, (8, 8), (100.0, 110.0, 120.0))
    image = torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8)
    changed = [augment(image) for _ in range(20)]
    assert all(one.shape == image.shape and one.dtype == image.dtype for one in changed)
    assert any(not torch.equal(one, image) for one in changed)


def test_a_shift_leaves_the_mean_behind():
    torch.manual_seed(0)
    augment = training._augmentation(("crop",), (8, 8), (100.0, 110.0, 120.0))
    values = {tuple(pixel) for _ in range(20) for pixel in augment(torch.zeros(3, 8, 8)).flatten(1).T.tolist()}
    assert values == {(0.0, 0.0, 0.0), (100.0, 110.0, 120.0)}


@given(st.floats(0, 1), st.floats(0, 0.5))
def test_the_rate_is_never_above_its_peak(progress, warm_up):
    assert 0 <= Recipe(1, rate=0.3, warm_up=warm_up).rate_at(progress) <= 0.3 + 1e-12


def test_the_rate_warms_up_peaks_and_falls_to_nought():
    recipe = Recipe(1, rate=1.0, warm_up=0.1)
    assert recipe.rate_at(0) < 0.1
    assert recipe.rate_at(0.1) == 1.0
    assert math.isclose(recipe.rate_at(0.55), 0.5)
    assert recipe.rate_at(1) == 0.0


def test_accuracy_on_a_limited_number_of_images_is_that_of_a_fixed_subset(source):
    module = network()
    chosen = data.stratified_subset(data.labels(source, "validation"), 20)
    images, labels = data.load(source, "validation", chosen)
    with torch.no_grad():
        right = (module.eval()(torch.from_numpy(images)).argmax(1).numpy() == labels).mean()
    assert training.accuracy(module, source, limit=20) == right
