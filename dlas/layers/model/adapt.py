"""What adapts published networks to the data's size and to another width."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

MULTIPLE = 8  # channels; odd widths are slow


def strides(published: Sequence[int], size: int, least: int) -> list[int]:
    """The published strides, the first of them made 1 until at least so many pixels a side are left at the end."""
    adapted = list(published)
    for index, stride in enumerate(adapted):
        halvings = sum(s == 2 for s in adapted)
        if stride == 2 and -(-size // 2**halvings) < least:
            adapted[index] = 1
    return adapted


def widened(channels: int, width: float) -> int:
    """So many channels times the width, to a multiple of eight; the published number where the width is 1."""
    return channels if width == 1 else max(MULTIPLE, round(channels * width / MULTIPLE) * MULTIPLE)


def stem(published: "torch.nn.Conv2d", channels: int, stride: int) -> "torch.nn.Conv2d":
    """A first convolution for so many input channels; 7x7 becomes 3x3 where it does not stride."""
    from torch import nn

    kernel = 3 if stride == 1 else published.kernel_size[0]
    has_bias = published.bias is not None
    return nn.Conv2d(channels, published.out_channels, kernel, stride, kernel // 2, bias=has_bias)


def recolour(module: "torch.nn.Module", channels: int) -> None:
    """Replace the first convolution of a network by one for so many input channels."""
    from torch import nn

    name, first = next((name, child) for name, child in module.named_modules() if isinstance(child, nn.Conv2d))
    parent, _, leaf = name.rpartition(".")
    kernel, stride, padding = first.kernel_size, first.stride, first.padding
    has_bias = first.bias is not None
    replaced = nn.Conv2d(channels, first.out_channels, kernel, stride, padding, bias=has_bias)  # type: ignore[arg-type]
    setattr(module.get_submodule(parent), leaf, replaced)


def widen(module: "torch.nn.Module", width: float) -> None:
    """Multiply the channels between the operators of a network in which equal numbers stay equal (no groups)."""
    from torch import nn

    if width == 1:
        return
    operators = [child for child in module.modules() if isinstance(child, nn.Conv2d | nn.Linear)]
    first = operators[0]
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            setattr(parent, name, _widened(child, width, child is first))


def _widened(child: "torch.nn.Module", width: float, is_first: bool) -> "torch.nn.Module":
    """The same operator with more or fewer channels; those of images and classes keep their number."""
    from torch import nn

    if isinstance(child, nn.Conv2d):
        before = child.in_channels if is_first else widened(child.in_channels, width)
        after, has_bias = widened(child.out_channels, width), child.bias is not None
        kernel, stride, padding = child.kernel_size[0], child.stride[0], int(child.padding[0])
        return nn.Conv2d(before, after, kernel, stride, padding, bias=has_bias)
    if isinstance(child, nn.BatchNorm2d):
        return nn.BatchNorm2d(widened(child.num_features, width))
    if isinstance(child, nn.Linear):
        return nn.Linear(widened(child.in_features, width), child.out_features)
    return child
