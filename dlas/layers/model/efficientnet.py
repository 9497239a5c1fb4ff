"""EfficientNet-B0 (arXiv 1905.11946, table 1), torchvision's; its first strides suit small images."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dlas import vision
from dlas.layers.model import Shape, adapt, fields, origin

if TYPE_CHECKING:
    import torch

# Expansion, kernel, stride, input and output channels, layers of each stage.
STAGES = (
    *((1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3)),
    *((6, 5, 1, 80, 112, 3), (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1)),
)
STEM_STRIDE = 2
LAST_PIXELS = 4
DROPOUT = 0.2


@dataclass(frozen=True)
class EfficientNetB0:
    """Inverted bottlenecks with squeeze-and-excitation and SiLU; for small images the first strides become 1.

    Four pixels a side are left at least. Stochastic depth is off: it was tuned for 350 epochs of ImageNet.
    """

    name: ClassVar = "efficientnet-b0"
    suggested: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar = origin.PACKAGES
    family: ClassVar = "squeeze-excite"

    width: float = fields.width()
    weights: str = fields.weights()
    recipe: str = fields.recipe()
    seed: int = fields.seed()

    def module(self, shape: Shape, classes: int) -> "torch.nn.Module":
        """Stem, seven stages, last convolution, mean, linear."""
        efficientnet = vision.load("torchvision.models.efficientnet")
        first, *rest = adapt.strides((STEM_STRIDE, *(stage[2] for stage in STAGES)), min(shape[1:]), LAST_PIXELS)
        stages = [
            efficientnet.MBConvConfig(expand, kernel, stride, before, after, layers, width_mult=self.width)
            for (expand, kernel, _, before, after, layers), stride in zip(STAGES, rest, strict=True)
        ]
        network: Any = efficientnet.EfficientNet(stages, DROPOUT, stochastic_depth_prob=0.0, num_classes=classes)
        network.features[0][0] = adapt.stem(network.features[0][0], shape[0], first)
        adapted: torch.nn.Module = network
        return adapted

    make = origin.make
    needs = origin.needs
    ingredients = origin.ingredients
