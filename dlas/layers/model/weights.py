"""How a network gets its weights: trained on the data by a recipe, or left as drawn."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dlas import network, training
from dlas.artifacts import Artifact
from dlas.layers.model import Report, Shape

if TYPE_CHECKING:
    import torch

CHOICES = ("train", "random")
# Enough for the networks of this folder to level off on the digits; a multiple of the data for anything larger.
LEAST_IMAGES = 14_000
EPOCHS = 10


class Architecture(Protocol):
    """What the making of a network needs to know of its option."""

    @property
    def weights(self) -> str:
        """One of `CHOICES`."""

    @property
    def seed(self) -> int:
        """Draws the first weights and the order of the images."""

    def module(self, shape: Shape, classes: int) -> "torch.nn.Module":
        """The architecture with fresh weights."""


def make(option: Architecture, source: Artifact, text: str, out: Path, work: Path, report: Report) -> dict[str, Any]:
    """Draw the weights by the option's seed, train them if they are to be trained, write the network."""
    import torch

    torch.manual_seed(option.seed)
    module = option.module(tuple(source.facts["shape"]), source.facts["classes"])
    trained = option.weights == "train"
    recipe = training.Recipe(max(LEAST_IMAGES, EPOCHS * source.facts["images"]["train"]), seed=option.seed)
    if trained:
        training.fit(module, source, recipe, work, report)
    report({"doing": "export"})
    return network.save_module(module, out, text, source, trained)
