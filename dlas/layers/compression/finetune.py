"""What techniques that change weights share: a budget of images to recover with, and what is said about it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlas import network, training
from dlas.artifacts import Artifact
from dlas.layers.compression import Report

if TYPE_CHECKING:
    import torch

BUDGET = 6_000  # images; the same for every technique, so that they are compared fairly
RATE = 0.02


def recover(
    module: "torch.nn.Module", before: Artifact, source: Artifact, budget: int, work: Path, report: Report
) -> dict[str, Any]:
    """Fine-tune a changed module in place; returns the facts that tell what it cost and gained."""
    if not before.facts["trained"]:
        return {}
    damaged = training.accuracy(module, source)
    work.mkdir(parents=True, exist_ok=True)
    training.fit(module, source, training.Recipe(budget, rate=RATE), work, report)
    return {"finetune_images": budget, "validation_accuracy_before_finetuning": damaged}


def save(
    module: "torch.nn.Module", before: Artifact, source: Artifact, out: Path, report: Report, **facts: Any
) -> dict[str, Any]:
    """Write the changed module as a network that descends from `before`."""
    report({"doing": "export"})
    written = network.save_module(module, out, before.facts["model"], source, before.facts["trained"])
    return {**written, **facts}
