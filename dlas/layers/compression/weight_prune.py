"""Unstructured pruning: single weights become zero, shapes stay."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from dlas import network
from dlas.artifacts import Artifact
from dlas.layers.compression import Report, finetune, initialisers, masks
from dlas.layers.compression.masks import Masks, Scores
from dlas.option import parameter

STAGES = {"oneshot": 1, "iterative": 4}


@dataclass(frozen=True)
class WeightPrune:
    """Zero the weights that count least, keep them zero while the rest is fine-tuned."""

    name: ClassVar = "weight-prune"
    suggested: ClassVar = ("weight-prune@0.5", "weight-prune@0.9")
    packages: ClassVar = ("torch", "onnxscript", "onnxruntime")
    leaves_module: ClassVar = True
    without_module: ClassVar = "add finetune=0 to prune the file as it is"

    sparsity: float = parameter("share of the weights that become zero", positional=True, low=0, high=1, open=True)
    scope: str = parameter("ranked all together, or in each operator", "global", choices=masks.SCOPES)
    criterion: str = parameter("what tells which weights go: magnitude, or chance", "l1", choices=masks.CRITERIA)
    schedule: str = parameter("at once, or in four stages of growing sparsity", "oneshot", choices=tuple(STAGES))
    finetune: int = parameter("fine-tuning budget in images", finetune.BUDGET, low=0)
    seed: int = parameter("draws the weights of criterion=random", 0, low=0)

    @property
    def takes_module(self) -> bool:
        """Only fine-tuning needs one."""
        return self.finetune > 0

    def compress(self, before: Artifact, source: Artifact, out: Path, work: Path, report: Report) -> dict[str, Any]:
        """Zero, fine-tune under the mask, as often as the schedule says; write the network."""
        if not before.facts["module"]:
            return initialisers.prune(before, source, out, lambda values: self._keep(values, self.sparsity))
        module = network.rebuild(before)
        stages = STAGES[self.schedule]
        told = []
        for stage, (sparsity, images) in enumerate(
            zip(levels(self.sparsity, stages), budgets(self.finetune, stages), strict=True)
        ):
            masks.clear(module, self._keep(masks.weights(module), sparsity))
            with masks.held(module):
                told.append(finetune.recover(module, before, source, images, work / f"stage-{stage}", report))
        facts = {**told[-1], "sparsity": masks.sparsity(masks.weights(module))}
        if before.facts["trained"]:
            facts["finetune_images"] = sum(recovered["finetune_images"] for recovered in told)
        return finetune.save(module, before, source, out, report, **facts)

    def _keep(self, values: Scores, sparsity: float) -> Masks:
        return masks.keep(masks.scores(values, self.criterion, self.seed), sparsity, self.scope)


def levels(sparsity: float, stages: int) -> list[float]:
    """Sparsity after each stage: fast at first, slower towards the end (arXiv 1710.01878, equation 1)."""
    return [sparsity * (1 - (1 - (stage + 1) / stages) ** 3) for stage in range(stages)]


def budgets(images: int, stages: int) -> list[int]:
    """Fine-tuning images of each stage: equal parts, the last with what is left over."""
    part = images // stages
    return [part] * (stages - 1) + [images - part * (stages - 1)]
