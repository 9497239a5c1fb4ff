"""Residual networks of ImageNet (arXiv 1512.03385, table 1), torchvision's, adapted to small images."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dlas import vision
from dlas.layers.model import Shape, adapt, fields, origin

if TYPE_CHECKING:
    import torch

STRIDES = (2, 2, 2, 2, 2)  # stem, pooling, second to fourth stage
LAST_PIXELS = 4


@dataclass(frozen=True)
class ResNetImageNet:
    """Residual network of four stages; for small images the first strides become 1.

    Four pixels a side are left at least; a stem that does not stride is 3x3, as is usual on CIFAR-10.
    """

    variants: ClassVar = {f"resnet{depth}": {"depth": depth} for depth in (18, 34, 50)}
    suggested: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar = origin.PACKAGES
    family: ClassVar = "residual"

    depth: int
    width: float = fields.width()
    weights: str = fields.weights()
    recipe: str = fields.recipe()
    seed: int = fields.seed()

    def module(self, shape: Shape, classes: int) -> "torch.nn.Module":
        """Stem, four stages, mean, linear."""
        from torch import nn

        network: Any = getattr(vision.load("torchvision.models"), f"resnet{self.depth}")(num_classes=classes)
        first, pool, *stages = adapt.strides(STRIDES, min(shape[1:]), LAST_PIXELS)
        network.conv1 = adapt.stem(network.conv1, shape[0], first)
        network.maxpool = network.maxpool if pool == 2 else nn.Identity()
        for stage, stride in zip((network.layer2, network.layer3, network.layer4), stages, strict=True):
            for child in stage[0].modules():
                if isinstance(child, nn.Conv2d) and child.stride == (2, 2):
                    child.stride = (stride, stride)
        adapt.widen(network, self.width)
        adapted: torch.nn.Module = network
        return adapted

    make = origin.make
    needs = origin.needs
    ingredients = origin.ingredients
