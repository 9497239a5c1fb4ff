"""MobileNet, version 1: depthwise separable convolutions (arXiv 1704.04861, table 1)."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dlas.artifacts import Artifact
from dlas.layers.model import Report, Shape, weights
from dlas.option import parameter

if TYPE_CHECKING:
    import torch

STEM = 32
# Output channels and stride of each depthwise separable block.
BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)
LAST_PIXELS = 2


@dataclass(frozen=True)
class MobileNetV1:
    """Thirteen depthwise separable blocks; for small images the first strides become 1."""

    name: ClassVar = "mobilenetv1"
    suggested: ClassVar = ("mobilenetv1",)
    packages: ClassVar = ("torch", "onnxscript", "onnxruntime")

    width: float = parameter("multiplies the channels of every block", 0.25, low=0, high=4, open=True)
    weights: str = parameter("where the weights come from", "train", choices=weights.CHOICES)
    seed: int = parameter("draws the first weights and the order of the images", 0, low=0)

    def module(self, shape: Shape, classes: int) -> "torch.nn.Module":
        """Stem, blocks, mean, linear."""
        from torch import nn

        first, *strides = strides_for(min(shape[1:]))
        before = self._channels(STEM)
        layers = _conv(shape[0], before, 3, first)
        for (channels, _), stride in zip(BLOCKS, strides, strict=True):
            after = self._channels(channels)
            layers += _conv(before, before, 3, stride, groups=before) + _conv(before, after, 1, 1)
            before = after
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))

    def make(self, source: Artifact, text: str, out: Path, work: Path, report: Report) -> dict[str, Any]:
        """Train and write the network."""
        return weights.make(self, source, text, out, work, report)

    def _channels(self, channels: int) -> int:
        return max(8, round(channels * self.width / 8) * 8)


def strides_for(size: int) -> list[int]:
    """Strides of stem and blocks: the published ones, the first made 1 until two pixels a side are left."""
    strides = [2, *(stride for _, stride in BLOCKS)]
    for index, stride in enumerate(strides):
        halvings = sum(s == 2 for s in strides)
        if stride == 2 and size // 2**halvings < LAST_PIXELS:
            strides[index] = 1
    return strides


def _conv(before: int, after: int, kernel: int, stride: int, groups: int = 1) -> "list[torch.nn.Module]":
    from torch import nn

    return [
        nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    ]
