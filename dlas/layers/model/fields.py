"""The parameters that the networks of this folder share."""

from typing import Any

from dlas.layers.model import origin, recipes
from dlas.option import parameter


def width(help: str = "multiplies the channels of every operator", high: float = 4) -> Any:
    """How wide a network is, 1 as published."""
    return parameter(help, 1.0, low=0, high=high, open=True)


def weights() -> Any:
    """Where the weights come from."""
    return parameter("where the weights come from", "train", choices=origin.CHOICES, locator=True)


def recipe() -> Any:
    """How long and by which schedule a network is trained."""
    return parameter("how long and by which schedule it is trained", "short", choices=tuple(recipes.LENGTHS))


def seed() -> Any:
    """What decides everything that is drawn."""
    return parameter("draws the first weights and the order of the images", 0, low=0)
