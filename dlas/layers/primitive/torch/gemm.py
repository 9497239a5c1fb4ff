"""im2col and a dense matrix product."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dlas.layers.primitive.torch.patches import parameter_or_none, patches, plain_border, with_bias


@dataclass(frozen=True)
class Gemm:
    """Every convolution and linear operator as a matrix product."""

    def takes(self, module: nn.Module) -> bool:
        """All with a border of zeros."""
        return plain_border(module)

    def convolution(self, module: nn.Conv2d) -> nn.Module:
        """Patches times weights."""
        return _Convolution(module)

    def linear(self, module: nn.Linear) -> nn.Module:
        """It is a product already."""
        return module


class _Convolution(nn.Module):
    def __init__(self, module: nn.Conv2d) -> None:
        super().__init__()
        self._patches = patches(module)
        rows = module.weight.detach().reshape(module.groups, module.out_channels // module.groups, -1)
        self.weight = nn.Parameter(rows.contiguous(), requires_grad=False)  # groups, O, I KH KW
        self.bias = parameter_or_none(module.bias)

    def forward(self, image: Tensor) -> Tensor:
        matrix = self._patches.matrix(image)
        groups, outputs, inner = self.weight.shape
        product = torch.matmul(self.weight, matrix.reshape(len(image), groups, inner, -1))
        rows = with_bias(product.reshape(len(image), groups * outputs, -1), self.bias)
        return self._patches.unfolded(rows, image)
