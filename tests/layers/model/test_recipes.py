"""Which recipe is chosen for which network and data."""

import pytest

from dlas import registry
from dlas.layers.model import origin, recipes

DIGITS = {"images": {"train": 900}, "shape": [1, 8, 8]}
GREY = {"images": {"train": 54_000}, "shape": [1, 28, 28]}
COLOUR = {"images": {"train": 45_000}, "shape": [3, 32, 32]}
LARGE = {"images": {"train": 1_200_000}, "shape": [3, 224, 224]}


@pytest.mark.parametrize(
    ("length", "facts", "images", "augmentation"),
    [
        ("short", DIGITS, 14_000, ()),
        ("short", {**DIGITS, "images": {"train": 3_000}}, 30_000, ()),
        ("short", GREY, 150_000, ()),
        ("short", COLOUR, 150_000, ("flip",)),
        ("short", LARGE, 150_000, ("resized-crop", "flip")),
        ("full", DIGITS, 150_000, ("crop",)),
        ("full", GREY, 8_100_000, ("crop",)),
        ("full", COLOUR, 6_750_000, ("crop", "flip")),
        ("full", LARGE, 180_000_000, ("resized-crop", "flip")),
    ],
)
def test_data_decide_budget_and_augmentation(length, facts, images, augmentation):
    recipe = recipes.choose("residual", length, facts, seed=3)
    assert (recipe.images, recipe.augmentation, recipe.seed) == (images, augmentation, 3)


def test_the_slowest_families_have_a_shorter_budget_unless_trained_in_full():
    budgets = {f: [recipes.choose(f, n, COLOUR, 0).images for n in recipes.LENGTHS] for f in recipes.FAMILIES}
    assert {family for family, (short, _) in budgets.items() if short < recipes.SHORT} == {"dense", "squeeze-excite"}
    assert {full for _, full in budgets.values()} == {6_750_000}


def test_only_a_full_training_smooths_and_averages():
    short, full = (recipes.choose("plain", length, COLOUR, 0) for length in recipes.LENGTHS)
    assert (short.smoothing, short.ema) == (0.0, 0.0)
    assert full.smoothing > 0
    assert full.ema > 0.9


def test_every_network_has_a_family_with_a_recipe():
    families = {name: option.family for name, option in registry.catalogue("model").items() if name != "onnx"}
    assert {family for family in families.values() if family != origin.BY_NORM} < recipes.FAMILIES.keys()
    assert {name for name, family in families.items() if family == origin.BY_NORM} == {"torchvision", "timm", "python"}
