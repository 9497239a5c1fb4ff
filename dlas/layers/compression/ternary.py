"""Trained ternary quantisation: each operator's weights become three values, two of them learned."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dlas import network
from dlas.artifacts import Artifact
from dlas.errors import Inapplicable
from dlas.layers.compression import Report, finetune, masks, storage
from dlas.option import parameter

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Ternary:
    """Weights of every operator but the first and the last become -Wn, 0 or Wp; both are learned."""

    name: ClassVar = "ternary"
    suggested: ClassVar = ("ternary",)
    packages: ClassVar = ("torch", "onnxscript", "onnxruntime")
    takes_module: ClassVar = True
    leaves_module: ClassVar = True
    last: ClassVar = True
    without_module: ClassVar = "give the network as a Python factory (model python@package.module:function)"

    threshold: float = parameter(
        "weights below this share of the largest become zero",
        0.05,
        positional=True,
        low=0,
        high=1,
        open=True,
    )
    finetune: int = parameter("fine-tuning budget in images", finetune.BUDGET, low=0)

    def compress(self, before: Artifact, source: Artifact, out: Path, work: Path, report: Report) -> dict[str, Any]:
        """Train under the quantiser, write the network, then store its weights in two bits."""
        module = network.rebuild(before)
        inner = masks.executed(module, source.facts["shape"])[1:-1]
        if not inner:
            raise Inapplicable(
                "this network has no operator between its first and its last; there is nothing to make ternary"
            )
        with masks.held(module):
            for name in inner:
                _quantise(module.get_submodule(name), self.threshold)
            facts = finetune.recover(module, before, source, self.finetune, work, report)
        plain = masks.weights(module)
        facts |= {"sparsity": masks.sparsity(plain), "storage": "ternary"}
        written = finetune.save(module, before, source, out, report, **facts)
        stored = storage.write_ternary(out / network.ONNX, plain, out / network.ONNX)
        return {**written, "weights_size": stored}


def _quantise(child: "torch.nn.Module", threshold: float) -> None:
    """Let an operator's weight be ternary from now on, its scales starting at the means of what they replace."""
    from torch.nn.utils import parametrize

    weight: torch.Tensor = child.weight.detach()  # type: ignore[operator]
    edge = threshold * weight.abs().max()
    scales = [part.mean() if len(part) else edge for part in (weight[weight > edge], -weight[weight < -edge])]
    parametrize.register_parametrization(child, "weight", _quantiser(threshold, *scales))


def _quantiser(threshold: float, positive: "torch.Tensor", negative: "torch.Tensor") -> "torch.nn.Module":
    """The quantiser of arXiv 1612.01064, section 3: three values forward, scaled gradients backward.

    The gradient of Wn has the sign that -Wn gives it, which the paper leaves out.
    """
    import torch

    class Quantise(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, latent: torch.Tensor, up: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
            edge = threshold * latent.abs().max()
            ctx.save_for_backward(latent > edge, latent < -edge, up, down)
            return torch.where(latent > edge, up, torch.where(latent < -edge, -down, 0.0))

        @staticmethod
        def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            (gradient,) = gradients
            above, below, up, down = ctx.saved_tensors
            slope = torch.where(above, up, torch.where(below, down, 1.0))
            return gradient * slope, gradient[above].sum(), -gradient[below].sum()

    class Ternariser(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.positive = torch.nn.Parameter(positive.clone())
            self.negative = torch.nn.Parameter(negative.clone())

        def forward(self, latent: torch.Tensor) -> torch.Tensor:
            quantised: torch.Tensor = Quantise.apply(latent, self.positive.abs(), self.negative.abs())  # type: ignore[no-untyped-call]
            return quantised

    return Ternariser()
