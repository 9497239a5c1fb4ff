"""VGG-16 with batch normalisation (arXiv 1409.1556, table 1, column D), torchvision's."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dlas import vision
from dlas.layers.model import Shape, adapt, fields, origin

if TYPE_CHECKING:
    import torch

PUBLISHED_CLASSIFIER = 97  # pixels from which the classifier is the published one


@dataclass(frozen=True)
class Vgg:
    """Thirteen convolutions with batch normalisation; for small images a short classifier.

    Below 97 pixels one linear operator, after the mean, takes the place of the published three, which hold 90 % of the
    weights; a pooling of odd size keeps the last pixel.
    """

    name: ClassVar = "vgg16"
    suggested: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar = origin.PACKAGES
    family: ClassVar = "plain"

    width: float = fields.width()
    weights: str = fields.weights()
    recipe: str = fields.recipe()
    seed: int = fields.seed()

    def module(self, shape: Shape, classes: int) -> "torch.nn.Module":
        """Thirteen convolutions with five poolings, classifier."""
        from torch import nn

        network: Any = vision.load("torchvision.models").vgg16_bn(num_classes=classes)
        network.features[0] = adapt.stem(network.features[0], shape[0], 1)
        adapt.widen(network.features, self.width)
        after, hidden = adapt.widened(512, self.width), adapt.widened(4096, self.width)
        if min(shape[1:]) < PUBLISHED_CLASSIFIER:
            network.avgpool, network.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(after, classes)
        elif self.width != 1:
            sizes = ((after * 7 * 7, hidden), (hidden, hidden), (hidden, classes))
            for place, (inputs, outputs) in zip((0, 3, 6), sizes, strict=True):
                network.classifier[place] = nn.Linear(inputs, outputs)
        for child in network.modules():
            if isinstance(child, nn.MaxPool2d):
                child.ceil_mode = any(pixels % 32 for pixels in shape[1:])
        adapted: torch.nn.Module = network
        return adapted

    make = origin.make
    needs = origin.needs
    ingredients = origin.ingredients
