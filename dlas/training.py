"""Training and fine-tuning: a recipe is data, a run resumes after each epoch, the seed decides the result."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlas import data, vision
from dlas.artifacts import Artifact

if TYPE_CHECKING:
    import torch

CHECKPOINT = "checkpoint.safetensors"
# Sums differ with the number of threads, so one seed gives one result only if this is fixed.
THREADS = 1
PROGRESS_IMAGES = 1_000
AUGMENTATIONS = ("crop", "flip", "erase", "resized-crop")
_BATCH = 256
_BETAS = (0.9, 0.999)

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: for a budget of images, after linear warm-up under a cosine schedule.

    `optimizer` is `sgd` (with Nesterov's momentum) or `adamw`; `ema` is what a step leaves of the moving average of
    the weights, which is then the result, or 0 for the last weights; `augmentation` names some of `AUGMENTATIONS`.
    """

    images: int
    optimizer: str = "sgd"
    rate: float = 0.05
    batch: int = 32
    momentum: float = 0.9
    decay: float = 5e-4
    warm_up: float = 0.1
    smoothing: float = 0.0
    ema: float = 0.0
    augmentation: tuple[str, ...] = ()
    seed: int = 0

    def rate_at(self, progress: float) -> float:
        """Learning rate after this share of the budget: linear warm-up, then half a cosine (arXiv 1608.03983)."""
        if progress < self.warm_up:
            return self.rate * (progress + 0.01) / (self.warm_up + 0.01)
        return self.rate * 0.5 * (1 + math.cos(math.pi * (progress - self.warm_up) / (1 - self.warm_up)))


def fit(module: "torch.nn.Module", source: Artifact, recipe: Recipe, work: Path, report: Report) -> None:
    """Train a module in place on the training images, on a GPU where there is one.

    Each epoch's end is saved in `work`, and a run that was killed goes on from there to the same result.
    """
    import torch

    torch.set_num_threads(THREADS)
    torch.backends.cudnn.deterministic = True
    module.to(device())
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    state = _State(module, recipe)
    images, labels = (torch.from_numpy(array) for array in data.load(source, "train"))
    full, rest = divmod(recipe.images, len(labels))
    epochs = [len(labels)] * full + ([rest] if rest else [])
    for epoch in range(state.resume(work), len(epochs)):
        torch.manual_seed(recipe.seed * 10_007 + epoch)  # order, augmentation and dropout, also after a kill
        order = torch.randperm(len(labels))[: epochs[epoch]]
        _epoch(state, images, labels, order, epoch * len(labels))
        state.save(epoch + 1, work)
        scored = accuracy(state.result, source, limit=PROGRESS_IMAGES)
        report({"done": epoch + 1, "of": len(epochs), "unit": "epochs", "accuracy": scored})
    state.finish()


def _epoch(
    state: "_State", images: "torch.Tensor", labels: "torch.Tensor", order: "torch.Tensor", seen: int
) -> None:
    """One pass over the images of `order`, after `seen` others."""
    import torch

    recipe, place = state.recipe, device()
    augment = _augmentation(recipe.augmentation, images.shape[2:])
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=recipe.smoothing)
    state.module.train()
    for chosen in torch.split(order, recipe.batch):
        if len(chosen) < 2:  # batch norm needs two images
            continue
        state.optimizer.param_groups[0]["lr"] = recipe.rate_at(seen / recipe.images)
        batch = torch.stack([augment(image) for image in images[chosen]]) if augment else images[chosen]
        batch = batch.to(place, memory_format=torch.channels_last)
        state.optimizer.zero_grad()
        loss_of(state.module(batch), labels[chosen].to(place)).backward()
        state.optimizer.step()
        if state.average:
            state.average.update_parameters(state.module)
        seen += len(chosen)


def _augmentation(names: tuple[str, ...], size: "torch.Size") -> Callable[[Any], Any] | None:
    """The transforms of one image; what a crop leaves empty is 0, the mean of normalised images."""
    if not names:
        return None
    v2 = vision.load("torchvision.transforms.v2")
    kinds = {
        "crop": lambda: v2.RandomCrop(tuple(size), padding=max(1, min(size) // 8)),
        "resized-crop": lambda: v2.RandomResizedCrop(tuple(size), scale=(0.35, 1.0), antialias=True),
        "flip": v2.RandomHorizontalFlip,
        "erase": lambda: v2.RandomErasing(0.25),
    }
    transforms: Callable[[Any], Any] = v2.Compose([kinds[name]() for name in names])
    return transforms


def device() -> "torch.device":
    """Where networks are trained: the first GPU, or the CPU."""
    import torch

    return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


def accuracy(
    module: "torch.nn.Module", source: Artifact, split: str = "validation", limit: int | None = None
) -> float:
    """Top-1 accuracy of a module on a split or a fixed subset of it, in evaluation mode."""
    import torch

    images, labels = (torch.from_numpy(array) for array in data.load(source, split))
    if limit:
        chosen = torch.from_numpy(data.stratified_subset(labels.numpy(), limit))
        images, labels = images[chosen], labels[chosen]
    module.eval()
    place = next((value.device for value in module.parameters()), torch.device("cpu"))
    with torch.inference_mode():
        logits = torch.cat([module(part.to(place)).cpu() for part in torch.split(images, _BATCH)])
    return float((logits.argmax(1) == labels).double().mean())


class _State:
    """What training changes, and so what a checkpoint holds."""

    def __init__(self, module: "torch.nn.Module", recipe: Recipe) -> None:
        import torch

        self.module, self.recipe = module, recipe
        weights = list(module.parameters())
        if recipe.optimizer == "adamw":
            self.optimizer: torch.optim.Optimizer = torch.optim.AdamW(
                weights, recipe.rate, _BETAS, weight_decay=recipe.decay
            )
        else:
            self.optimizer = torch.optim.SGD(
                weights, recipe.rate, recipe.momentum, weight_decay=recipe.decay, nesterov=recipe.momentum > 0
            )
        averaging = torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.ema)
        self.average = (
            torch.optim.swa_utils.AveragedModel(module, multi_avg_fn=averaging, use_buffers=True)
            if recipe.ema
            else None
        )

    @property
    def result(self) -> "torch.nn.Module":
        """The module whose weights training is after."""
        module: torch.nn.Module = self.average.module if self.average else self.module
        return module

    def save(self, epoch: int, work: Path) -> None:
        """Write a checkpoint in place of the last one."""
        from safetensors.torch import save_file

        tensors = {f"module.{name}": value for name, value in self.module.state_dict().items()}
        for index, weight in enumerate(self.optimizer.param_groups[0]["params"]):
            tensors |= {f"optimizer.{index}.{key}": value for key, value in self.optimizer.state[weight].items()}
        if self.average:
            tensors |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        partial = work / (CHECKPOINT + ".partial")
        save_file({key: value.contiguous() for key, value in tensors.items()}, partial, {"epoch": str(epoch)})
        partial.rename(work / CHECKPOINT)

    def resume(self, work: Path) -> int:
        """Load the last checkpoint, if there is one; returns the epochs that are done."""
        import torch
        from safetensors import safe_open

        if not (work / CHECKPOINT).exists():
            return 0
        with safe_open(work / CHECKPOINT, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
            epoch = int(file.metadata()["epoch"])
        self.module.load_state_dict(_under("module.", tensors))
        if self.average:
            self.average.load_state_dict(_under("average.", tensors))
        for index, weight in enumerate(self.optimizer.param_groups[0]["params"]):
            for key, value in _under(f"optimizer.{index}.", tensors).items():
                like = torch.empty_like(weight) if value.shape == weight.shape else value.clone()
                self.optimizer.state[weight][key] = like.copy_(value)
        return epoch

    def finish(self) -> None:
        """Leave the result in the module, on the CPU, its memory in the usual order."""
        import torch

        if self.average:
            self.module.load_state_dict(self.average.module.state_dict())
        self.module.to("cpu").to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.module.eval()


def _under(prefix: str, tensors: "dict[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
