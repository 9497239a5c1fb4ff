"""Densely connected networks (arXiv 1608.06993): torchvision's for ImageNet, one for small images of our own."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dlas import vision
from dlas.layers.model import Shape, adapt, fields, origin

if TYPE_CHECKING:
    import torch

SIZES = {121: (32, (6, 12, 24, 16)), 161: (48, (6, 12, 36, 24))}  # growth rate, layers of each block; table 1
STRIDES = (2, 2, 2, 2, 2)  # stem, pooling, three transitions
LAST_PIXELS = 4
SMALL_LAYERS, SMALL_GROWTH, SMALL_STEM = 12, 12, 16  # of each of three blocks; section 4, without bottleneck


@dataclass(frozen=True)
class DenseNetImageNet:
    """DenseNet-BC of four dense blocks; for small images the first strides become 1.

    Four pixels a side are left at least, or three where poolings meet odd sizes; a stem that does not stride is 3x3.
    """

    variants: ClassVar = {f"densenet{depth}": {"depth": depth} for depth in SIZES}
    suggested: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar = origin.PACKAGES
    family: ClassVar = "dense"

    depth: int
    width: float = fields.width("multiplies stem and growth rate")
    weights: str = fields.weights()
    recipe: str = fields.recipe()
    seed: int = fields.seed()

    def module(self, shape: Shape, classes: int) -> "torch.nn.Module":
        """Stem, four dense blocks with transitions between them, mean, linear."""
        from torch import nn

        published, blocks = SIZES[self.depth]
        growth = adapt.widened(published, self.width)
        densenet = vision.load("torchvision.models").DenseNet
        network: torch.nn.Module = densenet(growth, blocks, 2 * growth, num_classes=classes)
        first, pool, *transitions = adapt.strides(STRIDES, min(shape[1:]), LAST_PIXELS)
        features = network.features
        features.conv0 = adapt.stem(features.conv0, shape[0], first)  # type: ignore[union-attr, arg-type]
        if pool == 1:
            features.pool0 = nn.Identity()  # type: ignore[union-attr]
        for index, stride in enumerate(transitions, 1):
            if stride == 1:
                features.get_submodule(f"transition{index}").pool = nn.Identity()  # type: ignore[union-attr]
        return network

    make = origin.make
    needs = origin.needs
    ingredients = origin.ingredients


@dataclass(frozen=True)
class DenseNet40:
    """DenseNet for small images: three dense blocks of twelve 3x3 convolutions, growth rate 12, no bottleneck."""

    name: ClassVar = "densenet40"
    suggested: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar = origin.PACKAGES
    family: ClassVar = "dense"

    width: float = fields.width("multiplies stem and growth rate")
    weights: str = fields.weights()
    recipe: str = fields.recipe()
    seed: int = fields.seed()

    def module(self, shape: Shape, classes: int) -> "torch.nn.Module":
        """Stem, three dense blocks at full, half and quarter size, mean, linear."""
        from torch import nn

        growth, channels = (max(1, round(number * self.width)) for number in (SMALL_GROWTH, SMALL_STEM))
        layers: list[nn.Module] = [nn.Conv2d(shape[0], channels, 3, 1, 1, bias=False)]
        for block in range(3):
            if block:
                layers += [*_norm_relu(channels), nn.Conv2d(channels, channels, 1, bias=False), nn.AvgPool2d(2)]
            for _ in range(SMALL_LAYERS):
                layers.append(_dense_layer(channels, growth))
                channels += growth
        layers += [*_norm_relu(channels), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
        return nn.Sequential(*layers)

    make = origin.make
    needs = origin.needs
    ingredients = origin.ingredients


def _norm_relu(channels: int) -> "list[torch.nn.Module]":
    from torch import nn

    return [nn.BatchNorm2d(channels), nn.ReLU()]


def _dense_layer(before: int, growth: int) -> "torch.nn.Module":
    """Normalisation, ReLU and a 3x3 convolution, whose output is put beside the input."""
    import torch
    from torch import nn

    class DenseLayer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(*_norm_relu(before), nn.Conv2d(before, growth, 3, 1, 1, bias=False))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([x, self.body(x)], 1)

    return DenseLayer()
