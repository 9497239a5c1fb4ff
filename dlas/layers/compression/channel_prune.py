"""Structured pruning: whole channels go, the network becomes really smaller."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dlas import network
from dlas.artifacts import Artifact
from dlas.errors import Inapplicable
from dlas.layers.compression import Report, finetune, masks
from dlas.layers.compression.importance import CRITERIA, importance
from dlas.option import parameter

if TYPE_CHECKING:
    import torch

MOST = 0.95  # of an operator's channels that a global ranking may remove


@dataclass(frozen=True)
class ChannelPrune:
    """Remove the channels that count least (Torch-Pruning), fine-tune what is left."""

    name: ClassVar = "channel-prune"
    suggested: ClassVar = ("channel-prune@0.25", "channel-prune@0.5")
    packages: ClassVar = ("torch", "torch-pruning", "onnxscript", "onnxruntime")
    takes_module: ClassVar = True
    leaves_module: ClassVar = True
    without_module: ClassVar = "give the network as a Python factory (model python@package.module:function)"

    ratio: float = parameter("share of the channels to remove", positional=True, low=0, high=1, open=True)
    criterion: str = parameter("what tells which channels go", "l1", choices=CRITERIA)
    scope: str = parameter("ranked in each operator, or all together", "operator", choices=masks.SCOPES)
    align: int = parameter("channels left are a multiple of this; odd widths are slow", 8, low=1)
    images: int = parameter("training images that taylor and fisher take gradients of", 256, low=1)
    finetune: int = parameter("fine-tuning budget in images", finetune.BUDGET, low=0)
    seed: int = parameter("draws the images of taylor and fisher", 0, low=0)

    def compress(self, before: Artifact, source: Artifact, out: Path, work: Path, report: Report) -> dict[str, Any]:
        """Prune once, fine-tune, write the smaller network; weights that were zero stay so."""
        module = network.rebuild(before)
        report({"doing": "prune"})
        self._prune(module, source)
        with masks.held(module):
            facts = finetune.recover(module, before, source, self.finetune, work, report)
        written = finetune.save(module, before, source, out, report, **facts)
        left = {f"{key}_left": written[key] / before.facts[key] for key in ("macs", "parameters")}
        return {**written, **left}

    def _prune(self, module: "torch.nn.Module", source: Artifact) -> None:
        """Remove channels in place, all but those of the classifier's output."""
        import torch
        from torch_pruning.pruner import BasePruner

        for value in module.parameters():
            value.requires_grad_(True)
        shape = source.facts["shape"]
        classifier = module.get_submodule(masks.executed(module, shape)[-1])
        everywhere = self.scope == "global"
        pruner = BasePruner(
            module,
            torch.zeros(1, *shape),
            importance=importance(self.criterion, module, source, self.images, self.seed),
            pruning_ratio=self.ratio,
            global_pruning=everywhere,
            max_pruning_ratio=MOST if everywhere else 1.0,
            ignored_layers=[classifier],
            round_to=self.align,
        )
        pruner.step()
        module.zero_grad()
        _check(module, shape)


def _check(module: "torch.nn.Module", shape: Sequence[int]) -> None:
    """Raise Inapplicable where the network's own code asks for the sizes that its operators had."""
    import torch

    try:
        with torch.no_grad():
            module.eval()(torch.zeros(2, *shape))
    except RuntimeError as problem:
        raise Inapplicable(
            f"compression channel-prune: this network does not run with fewer channels ({problem}), as is usual with "
            "attention; use weight-prune"
        ) from problem
