"""im2col and a product with compressed rows: OC x (IC KH KW), over the channels of all groups."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from dlas.layers.primitive.torch.patches import Patches, parameter_or_none, patches, plain_border, with_bias


@dataclass(frozen=True)
class CsrGemm:
    """Operators with at least that share of zeros."""

    threshold: float

    def takes(self, module: nn.Module) -> bool:
        """Sparse enough, and no depthwise convolution: its matrix would be zero but for its diagonal."""
        weight = module.weight
        assert isinstance(weight, Tensor)
        zeros = 1 - int(weight.count_nonzero()) / weight.numel()
        return plain_border(module) and weight[0].numel() > 0 and zeros >= self.threshold and not _depthwise(module)

    def convolution(self, module: nn.Conv2d) -> nn.Module:
        """Compressed rows times patches."""
        return _Convolution(module)

    def linear(self, module: nn.Linear) -> nn.Module:
        """Compressed rows times rows of values, transposed."""
        return _Linear(module)


def _depthwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1


class _Rows(nn.Module):
    """A matrix as values, columns and row pointers (int32)."""

    values: Tensor
    columns: Tensor
    pointers: Tensor

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        rows, columns = matrix.nonzero(as_tuple=True)
        ends = torch.bincount(rows, minlength=len(matrix)).cumsum(0)
        self._shape = tuple(matrix.shape)
        self._matrix: Tensor | None = None
        self.register_buffer("values", matrix[rows, columns])
        self.register_buffer("columns", columns.to(torch.int32))
        self.register_buffer("pointers", functional.pad(ends, (1, 0)).to(torch.int32))

    def times(self, dense: Tensor) -> Tensor:
        """The product with a dense matrix."""
        if self._matrix is None:
            parts = self.pointers, self.columns, self.values
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # these tensors are in beta, says torch
                self._matrix = torch.sparse_csr_tensor(*parts, self._shape, check_invariants=True)
        product: Tensor = torch.sparse.mm(self._matrix, dense)
        return product


class _Convolution(_Rows):
    def __init__(self, module: nn.Conv2d) -> None:
        super().__init__(_all_channels(module))
        self._patches: Patches = patches(module)
        self.bias = parameter_or_none(module.bias)

    def forward(self, image: Tensor) -> Tensor:
        matrix = self._patches.matrix(image)
        together = matrix.transpose(0, 1).reshape(matrix.shape[1], -1)  # one matrix for the whole batch
        sums = self.times(together).reshape(len(self.pointers) - 1, len(image), -1).transpose(0, 1)
        return self._patches.unfolded(with_bias(sums, self.bias).contiguous(), image)


class _Linear(_Rows):
    def __init__(self, module: nn.Linear) -> None:
        super().__init__(module.weight.detach())
        self.bias = parameter_or_none(module.bias)

    def forward(self, rows: Tensor) -> Tensor:
        sums = self.times(rows.T.contiguous()).T
        return sums if self.bias is None else sums + self.bias


def _all_channels(module: nn.Conv2d) -> Tensor:
    """OC x (C KH KW); what lies in other groups is zero."""
    weight = module.weight.detach()
    outputs, per_group = weight.shape[:2]
    whole = weight.new_zeros(outputs, module.in_channels, *weight.shape[2:])
    for output in range(outputs):
        first = output // (outputs // module.groups) * per_group
        whole[output, first : first + per_group] = weight[output]
    return whole.reshape(outputs, -1)
