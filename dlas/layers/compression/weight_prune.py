"""Unstructured pruning: single weights become zero, shapes stay."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from dlas import network
from dlas.artifacts import Artifact
from dlas.layers.compression import Report, finetune
from dlas.option import parameter


@dataclass(frozen=True)
class WeightPrune:
    """Zero the smallest weights of the whole network (global L1), fine-tune what is left."""

    name: ClassVar = "weight-prune"
    suggested: ClassVar = ("weight-prune@0.5", "weight-prune@0.9")
    packages: ClassVar = ("torch", "onnxscript", "onnxruntime")
    takes_module: ClassVar = True
    leaves_module: ClassVar = True

    sparsity: float = parameter("share of the weights that become zero", positional=True, low=0, high=1, open=True)
    finetune: int = parameter("fine-tuning budget in images", finetune.BUDGET, low=0)

    def compress(self, before: Artifact, source: Artifact, out: Path, work: Path, report: Report) -> dict[str, Any]:
        """Mask, fine-tune under the mask, make the zeros permanent."""
        import torch
        from torch.nn.utils import prune

        module = network.rebuild(before)
        weighty = (torch.nn.Conv2d, torch.nn.Linear)
        targets = [(child, "weight") for child in module.modules() if isinstance(child, weighty)]
        prune.global_unstructured(targets, prune.L1Unstructured, amount=self.sparsity)
        facts = finetune.recover(module, before, source, self.finetune, work, report)
        for child, name in targets:
            prune.remove(child, name)  # type: ignore[no-untyped-call]
        return finetune.save(module, before, source, out, report, **facts)
