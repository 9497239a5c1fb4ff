"""im2col: what each output pixel of a convolution reads, as a matrix."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Patches:
    """The sizes of a convolution that its matrix of patches depends on; `border` is left, right, top, bottom."""

    kernel: tuple[int, ...]
    dilation: tuple[int, ...]
    stride: tuple[int, ...]
    border: tuple[int, ...]

    def matrix(self, image: Tensor) -> Tensor:
        """N, C KH KW, pixels; of a 1x1 convolution of stride 1 the image itself."""
        if any(self.border):
            image = functional.pad(image, self.border)
        if self.kernel == (1, 1) and self.stride == (1, 1):
            return image.flatten(2)
        return functional.unfold(image, self.kernel, self.dilation, 0, self.stride)

    def unfolded(self, rows: Tensor, image: Tensor) -> Tensor:
        """N, O, pixels as N, O, OH, OW."""
        left, right, top, bottom = self.border
        padded = (image.shape[2] + top + bottom, image.shape[3] + left + right)
        reach = [d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True)]
        sizes = [(size - r) // s + 1 for size, r, s in zip(padded, reach, self.stride, strict=True)]
        return rows.reshape(*rows.shape[:2], *sizes)


def patches(module: nn.Conv2d) -> Patches:
    """The sizes of a convolution whose border is zeros."""
    border = tuple(module._reversed_padding_repeated_twice)
    return Patches(tuple(module.kernel_size), tuple(module.dilation), tuple(module.stride), border)


def plain_border(module: nn.Module) -> bool:
    """Whether an operator has a border of zeros, or none."""
    return getattr(module, "padding_mode", "zeros") == "zeros"


def parameter_or_none(bias: Tensor | None) -> nn.Parameter | None:
    """A bias of one's own."""
    return None if bias is None else nn.Parameter(bias.detach().clone(), requires_grad=False)


def with_bias(sums: Tensor, bias: Tensor | None) -> Tensor:
    """N, O, pixels and a bias for each output."""
    return sums if bias is None else sums + bias.unsqueeze(1)
