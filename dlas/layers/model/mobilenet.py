"""MobileNets: version 1 is here (arXiv 1704.04861, table 1), version 2 torchvision's (arXiv 1801.04381, table 2)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dlas import vision
from dlas.layers.model import Shape, adapt, fields, origin

if TYPE_CHECKING:
    import torch

STEM, STEM_STRIDE = 32, 2
# Output channels and stride of each depthwise separable block.
BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)
# Expansion, output channels, layers and stride of each stage of inverted residuals.
STAGES = (
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)
LAST_PIXELS = 4


@dataclass(frozen=True)
class MobileNetV1:
    """Thirteen depthwise separable blocks; for small images the first strides become 1.

    Four pixels a side are left at least.
    """

    name: ClassVar = "mobilenetv1"
    suggested: ClassVar = ("mobilenetv1@width=0.25",)
    packages: ClassVar = origin.PACKAGES
    family: ClassVar = "depthwise"

    width: float = fields.width()
    weights: str = fields.weights()
    recipe: str = fields.recipe()
    seed: int = fields.seed()

    def module(self, shape: Shape, classes: int) -> "torch.nn.Module":
        """Stem, blocks, mean, linear."""
        from torch import nn

        published = (STEM_STRIDE, *(stride for _, stride in BLOCKS))
        first, *strides = adapt.strides(published, min(shape[1:]), LAST_PIXELS)
        before = adapt.widened(STEM, self.width)
        layers = _conv(shape[0], before, 3, first)
        for (channels, _), stride in zip(BLOCKS, strides, strict=True):
            after = adapt.widened(channels, self.width)
            layers += _conv(before, before, 3, stride, groups=before) + _conv(before, after, 1, 1)
            before = after
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))

    make = origin.make
    needs = origin.needs
    ingredients = origin.ingredients


@dataclass(frozen=True)
class MobileNetV2:
    """Inverted residuals with linear bottlenecks; for small images the first strides become 1.

    Four pixels a side are left at least. As published, a width below 1 leaves the last convolution at 1,280 channels.
    """

    name: ClassVar = "mobilenetv2"
    suggested: ClassVar = ("mobilenetv2@width=0.25",)
    packages: ClassVar = origin.PACKAGES
    family: ClassVar = "depthwise"

    width: float = fields.width()
    weights: str = fields.weights()
    recipe: str = fields.recipe()
    seed: int = fields.seed()

    def module(self, shape: Shape, classes: int) -> "torch.nn.Module":
        """Stem, seven stages, last convolution, mean, linear."""
        published = (STEM_STRIDE, *(stage[-1] for stage in STAGES))
        first, *strides = adapt.strides(published, min(shape[1:]), LAST_PIXELS)
        stages = [[*stage[:-1], stride] for stage, stride in zip(STAGES, strides, strict=True)]
        mobilenet = vision.load("torchvision.models").MobileNetV2
        network: Any = mobilenet(classes, width_mult=self.width, inverted_residual_setting=stages)
        network.features[0][0] = adapt.stem(network.features[0][0], shape[0], first)
        adapted: torch.nn.Module = network
        return adapted

    make = origin.make
    needs = origin.needs
    ingredients = origin.ingredients


def _conv(before: int, after: int, kernel: int, stride: int, groups: int = 1) -> "list[torch.nn.Module]":
    from torch import nn

    return [
        nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    ]
