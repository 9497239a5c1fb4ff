"""Structured pruning: whole channels go, the network becomes really smaller."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dlas import network
from dlas.artifacts import Artifact
from dlas.layers.compression import Report, finetune
from dlas.option import parameter

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ChannelPrune:
    """Remove the channels of least L1 norm from every operator (Torch-Pruning), fine-tune what is left."""

    name: ClassVar = "channel-prune"
    suggested: ClassVar = ("channel-prune@0.25", "channel-prune@0.5")
    packages: ClassVar = ("torch", "torch-pruning", "onnxscript", "onnxruntime")
    takes_module: ClassVar = True
    leaves_module: ClassVar = True

    ratio: float = parameter("share of each operator's channels to remove", positional=True, low=0, high=1, open=True)
    align: int = parameter("channels left are a multiple of this; odd widths are slow", 8, low=1)
    finetune: int = parameter("fine-tuning budget in images", finetune.BUDGET, low=0)

    def compress(self, before: Artifact, source: Artifact, out: Path, work: Path, report: Report) -> dict[str, Any]:
        """Prune once, fine-tune, write the smaller network."""
        module = network.rebuild(before)
        _prune(module, before.facts["shape"], self.ratio, self.align)
        facts = finetune.recover(module, before, source, self.finetune, work, report)
        return finetune.save(module, before, source, out, report, **facts)


def _prune(module: "torch.nn.Module", shape: list[int], ratio: float, align: int) -> None:
    """Remove channels in place, all but those of the classifier's output."""
    import torch
    import torch_pruning

    for value in module.parameters():
        value.requires_grad_(True)
    classifier = [child for child in module.modules() if isinstance(child, torch.nn.Linear)][-1]
    pruner = torch_pruning.pruner.BasePruner(
        module,
        torch.zeros(1, *shape),
        importance=torch_pruning.importance.MagnitudeImportance(p=1),
        pruning_ratio=ratio,
        ignored_layers=[classifier],
        round_to=align,
    )
    pruner.step()
