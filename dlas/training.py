"""Training and fine-tuning: a recipe is data, a run resumes after each epoch, the seed decides the result."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlas import data
from dlas.artifacts import Artifact

if TYPE_CHECKING:
    import torch

CHECKPOINT = "checkpoint.safetensors"
# Sums differ with the number of threads, so one seed gives one result only if this is fixed.
THREADS = 1
_BATCH = 256

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Recipe:
    """Stochastic gradient descent with momentum under a cosine schedule, for a budget of training images."""

    images: int
    rate: float = 0.05
    batch: int = 32
    momentum: float = 0.9
    decay: float = 5e-4
    smoothing: float = 0.0
    warm_up: float = 0.1
    seed: int = 0

    def rate_at(self, progress: float) -> float:
        """Learning rate after this share of the budget: linear warm-up, then half a cosine (arXiv 1608.03983)."""
        if progress < self.warm_up:
            return self.rate * (progress + 0.01) / (self.warm_up + 0.01)
        return self.rate * 0.5 * (1 + math.cos(math.pi * (progress - self.warm_up) / (1 - self.warm_up)))


def fit(
    module: "torch.nn.Module",
    source: Artifact,
    recipe: Recipe,
    work: Path,
    report: Report,
) -> None:
    """Train a module in place on the training images.

    Each epoch's end is saved in `work`, and a run that was killed goes on from there.
    """
    import torch

    torch.set_num_threads(THREADS)
    images, labels = (torch.from_numpy(array) for array in data.load(source, "train"))
    epochs = max(1, round(recipe.images / len(labels))) if recipe.images else 0
    optimizer = torch.optim.SGD(module.parameters(), recipe.rate, recipe.momentum, weight_decay=recipe.decay)
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=recipe.smoothing)
    for epoch in range(_resume(module, optimizer, work), epochs):
        module.train()
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(recipe.seed * 10_007 + epoch))
        batches = [part for part in torch.split(order, recipe.batch) if len(part) > 1]  # batch norm needs two images
        for step, chosen in enumerate(batches):
            optimizer.param_groups[0]["lr"] = recipe.rate_at((epoch + step / len(batches)) / epochs)
            optimizer.zero_grad()
            loss_of(module(images[chosen]), labels[chosen]).backward()
            optimizer.step()
        _save(module, optimizer, epoch + 1, work)
        report({"done": epoch + 1, "of": epochs, "unit": "epochs", "accuracy": accuracy(module, source)})
    module.eval()


def accuracy(module: "torch.nn.Module", source: Artifact, split: str = "validation") -> float:
    """Top-1 accuracy of a module on a split, in evaluation mode."""
    import torch

    images, labels = (torch.from_numpy(array) for array in data.load(source, split))
    module.eval()
    with torch.inference_mode():
        logits = torch.cat([module(part) for part in torch.split(images, _BATCH)])
    return float((logits.argmax(1) == labels).double().mean())


def _save(module: "torch.nn.Module", optimizer: "torch.optim.Optimizer", epoch: int, work: Path) -> None:
    from safetensors.torch import save_file

    tensors = {f"module.{name}": value.contiguous() for name, value in module.state_dict().items()}
    for index, value in enumerate(optimizer.param_groups[0]["params"]):
        tensors[f"momentum.{index}"] = optimizer.state[value]["momentum_buffer"]
    partial = work / (CHECKPOINT + ".partial")
    save_file(tensors, partial, metadata={"epoch": str(epoch)})
    partial.rename(work / CHECKPOINT)


def _resume(module: "torch.nn.Module", optimizer: "torch.optim.Optimizer", work: Path) -> int:
    """Load the last checkpoint, if there is one; returns the epochs that are done."""
    from safetensors import safe_open

    if not (work / CHECKPOINT).exists():
        return 0
    with safe_open(work / CHECKPOINT, framework="pt") as file:
        names = file.keys()
        prefix = "module."
        module.load_state_dict({n.removeprefix(prefix): file.get_tensor(n) for n in names if n.startswith(prefix)})
        for index, value in enumerate(optimizer.param_groups[0]["params"]):
            optimizer.state[value]["momentum_buffer"] = file.get_tensor(f"momentum.{index}")
        return int(file.metadata()["epoch"])
