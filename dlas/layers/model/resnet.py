"""Residual networks for small images (arXiv 1512.03385, section 4.2)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dlas.layers.model import Shape, fields, origin

if TYPE_CHECKING:
    import torch

STAGES = (16, 32, 64)


@dataclass(frozen=True)
class ResNet:
    """Residual network of 6n+2 operators: three stages of n basic blocks; the shortcut projects where sizes change."""

    variants: ClassVar = {f"resnet{6 * n + 2}": {"blocks": n} for n in (1, 3, 5, 9)}
    suggested: ClassVar = ("resnet8", "resnet20")
    packages: ClassVar = origin.PACKAGES
    family: ClassVar = "residual"

    blocks: int
    width: float = fields.width("multiplies the channels of every stage", high=16)
    weights: str = fields.weights()
    recipe: str = fields.recipe()
    seed: int = fields.seed()

    def module(self, shape: Shape, classes: int) -> "torch.nn.Module":
        """Stem, three stages at full, half and quarter size, mean, linear."""
        from torch import nn

        widths = [max(1, round(channels * self.width)) for channels in STAGES]
        layers: list[nn.Module] = [_norm_conv(shape[0], widths[0], 3, 1), nn.ReLU()]
        before = widths[0]
        for stage, channels in enumerate(widths):
            for block in range(self.blocks):
                layers.append(_block(before, channels, 2 if stage and not block else 1))
                before = channels
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))

    make = origin.make
    needs = origin.needs
    ingredients = origin.ingredients


def _norm_conv(before: int, after: int, kernel: int, stride: int) -> "torch.nn.Module":
    from torch import nn

    return nn.Sequential(nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(after))


def _block(before: int, after: int, stride: int) -> "torch.nn.Module":
    """Basic block: two 3x3 convolutions beside a shortcut."""
    import torch
    from torch import nn

    class BasicBlock(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(_norm_conv(before, after, 3, stride), nn.ReLU(), _norm_conv(after, after, 3, 1))
            same = before == after and stride == 1
            self.shortcut = nn.Identity() if same else _norm_conv(before, after, 1, stride)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.body(x) + self.shortcut(x))

    return BasicBlock()
