"""How each family of networks is trained on each kind of data: tables, and nothing else."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dlas.training import Recipe

LENGTHS = ("short", "full")
FEW_IMAGES = 5_000  # up to so many training images the budget is a number of epochs
LARGE_PIXELS = 97  # from so many pixels a side images are cut out anew, not shifted
_FEW_BUDGET, _FEW_EPOCHS = 14_000, 10  # enough for small networks to level off on the digits

# What suits a family, whatever the data.
FAMILIES: Mapping[str, Recipe] = {
    "plain": Recipe(0, rate=0.05),
    "residual": Recipe(0, rate=0.1),
    "dense": Recipe(0, rate=0.1),
    "depthwise": Recipe(0, rate=0.1, decay=1e-4),
    "transformer": Recipe(0, optimizer="adamw", rate=1e-3, decay=0.05),
}


def choose(family: str, length: str, facts: Mapping[str, Any], seed: int) -> Recipe:
    """The recipe for a family of networks on data of these facts."""
    images, (channels, *size) = facts["images"]["train"], facts["shape"]
    recipe = replace(FAMILIES[family], seed=seed)
    if images <= FEW_IMAGES:
        rate = min(recipe.rate, 0.05)
        return replace(recipe, images=max(_FEW_BUDGET, _FEW_EPOCHS * images), rate=rate, batch=32)
    shift = "resized-crop" if min(size) >= LARGE_PIXELS else "crop"
    augmentation = (shift, "flip") if channels == 3 else (shift,)
    return replace(recipe, augmentation=augmentation, **_LENGTHS[length](images))
_LENGTHS = {}
