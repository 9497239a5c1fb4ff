"""Which weights go and which stay; zeros that stay zero while the rest is trained."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Scores = Mapping[str, NDArray[Any]]
Masks = dict[str, NDArray[np.bool_]]

SCOPES = ("global", "operator")
CRITERIA = ("l1", "random")


def operators(module: "torch.nn.Module") -> dict[str, Any]:
    """The convolutions and linear operators of a module, by name."""
    import torch

    kinds = (torch.nn.Conv2d, torch.nn.Linear)
    return {name: child for name, child in module.named_modules() if isinstance(child, kinds)}


def executed(module: "torch.nn.Module", shape: Sequence[int]) -> list[str]:
    """Names of the convolutions and linear operators in the order in which an image of this shape meets them."""
    import torch

    met: list[str] = []
    found = operators(module)
    hooks = [child.register_forward_hook(lambda *_, name=name: met.append(name)) for name, child in found.items()]
    module.eval()
    with torch.inference_mode():
        module(torch.zeros(1, *shape))
    for hook in hooks:
        hook.remove()
    return list(dict.fromkeys(met))


def weights(module: "torch.nn.Module") -> dict[str, NDArray[np.float32]]:
    """Weight of each convolution and linear operator, by the name of its parameter."""
    return {f"{name}.weight": child.weight.detach().numpy() for name, child in operators(module).items()}


def scores(values: Scores, criterion: str, seed: int) -> Scores:
    """How much each weight counts: its magnitude, or a number drawn by the seed; zeros count nothing."""
    if criterion == "l1":
        return {name: np.abs(value) for name, value in values.items()}
    generator = np.random.default_rng(seed)
    return {name: (1 - generator.random(value.shape)) * (value != 0) for name, value in values.items()}


def keep(scored: Scores, share: float, scope: str) -> Masks:
    """Which entries stay when the lowest `share` goes, of all entries together (`global`) or of each operator's."""
    if scope == "operator":
        return {name: _highest(value, share) for name, value in scored.items()}
    stays = _highest(np.concatenate([value.ravel() for value in scored.values()]), share)
    parts = np.split(stays, np.cumsum([value.size for value in scored.values()])[:-1])
    return {name: part.reshape(value.shape) for part, (name, value) in zip(parts, scored.items(), strict=True)}


def _highest(scored: NDArray[Any], share: float) -> NDArray[np.bool_]:
    stays = np.ones(scored.size, bool)
    stays[scored.ravel().argsort(kind="stable")[: round(share * scored.size)]] = False
    return stays.reshape(scored.shape)


def clear(module: "torch.nn.Module", stays: Masks) -> None:
    """Set every weight that does not stay to zero, in place."""
    import torch

    with torch.no_grad():
        for name, mask in stays.items():
            module.get_parameter(name).masked_fill_(~torch.from_numpy(mask), 0.0)


@contextmanager
def held(module: "torch.nn.Module") -> Iterator[None]:
    """While this lasts, weights that are exactly zero stay so, whatever trains the module."""
    import torch
    from torch.nn.utils import parametrize

    for child in operators(module).values():
        stays = child.weight.detach() != 0
        if not stays.all():
            parametrize.register_parametrization(child, "weight", _mask(stays))
    try:
        yield
    finally:
        for child in operators(module).values():
            if parametrize.is_parametrized(child, "weight"):
                parametrize.remove_parametrizations(child, "weight")
    assert all(isinstance(child.weight, torch.nn.Parameter) for child in operators(module).values())


def _mask(stays: "torch.Tensor") -> "torch.nn.Module":
    import torch

    class Mask(torch.nn.Module):
        """Zero where the weight was zero."""

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("stays", stays)

        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            kept: torch.Tensor = torch.where(self.get_buffer("stays"), weight, 0.0)
            return kept

    return Mask()


def sparsity(values: Scores) -> dict[str, float]:
    """Share of zeros of each operator's weight."""
    return {name: float(1 - np.count_nonzero(value) / value.size) for name, value in values.items()}
