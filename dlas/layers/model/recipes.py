"""How each family of networks is trained on each kind of data: tables, and the choice among them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dlas.training import Recipe

LENGTHS = ("short", "full")
SHORT = 150_000  # images: five to fifteen minutes of one core for the slim networks of the zoo
SHORTER = 100_000  # images: no more than half an hour of one core for those that take longest over one
FULL_EPOCHS = 150
FEW = 5_000  # up to so many training images a short budget is a number of epochs, or enough to level off
FEW_EPOCHS, FEW_BUDGET = 10, 14_000
LARGE = 97  # from so many pixels a side images are cut out at random sizes, not only shifted
COLOURS = 3

FAMILIES: Mapping[str, Recipe] = {
    "plain": Recipe(SHORT, rate=0.05),
    "residual": Recipe(SHORT, rate=0.05),
    "dense": Recipe(SHORTER, rate=0.05),
    "depthwise": Recipe(SHORT, rate=0.05, decay=1e-4),
    "squeeze-excite": Recipe(SHORTER, rate=0.05, decay=1e-4),
    "attention": Recipe(SHORT, optimizer="adamw", rate=5e-4, decay=0.05),  # also networks without batch norm
}


def choose(family: str, length: str, facts: Mapping[str, Any], seed: int) -> Recipe:
    """The recipe of a family of networks for data of these facts.

    A short training sees each image a few times: it needs no shifting and no smoothing, which slow it down.
    """
    images, (channels, *size) = facts["images"]["train"], facts["shape"]
    recipe = replace(FAMILIES[family], seed=seed)
    flip = ("flip",) if channels == COLOURS else ()  # grey images are often of characters
    cut = ("resized-crop",) if min(size) >= LARGE else ("crop",)
    if length == "full":
        budget = max(SHORT, FULL_EPOCHS * images)
        return replace(recipe, images=budget, augmentation=cut + flip, smoothing=0.1, ema=0.999, warm_up=0.05)
    if images <= FEW:
        return replace(recipe, images=max(FEW_BUDGET, FEW_EPOCHS * images))
    return replace(recipe, augmentation=cut + flip if min(size) >= LARGE else flip)
