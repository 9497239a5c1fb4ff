"""Training and fine-tuning: a recipe is data, a run resumes after each epoch, the seed decides the result."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlas import data, vision
from dlas.artifacts import Artifact

if TYPE_CHECKING:
    import torch

CHECKPOINT = "checkpoint.safetensors"
# Sums differ with the number of threads, so one seed gives one result only if this is fixed.
THREADS = 1
PROGRESS_IMAGES = 1_000
_REPORTS = 100
_BATCH = 256

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: for a budget of images, after a linear warm-up under a cosine schedule.

    `optimizer` is `sgd`, with Nesterov's momentum, or `adamw`. `ema` is the share that each step leaves of the moving
    average of the weights, which is then the result; 0 for the last weights. `augmentation` names some of `crop`
    (shifted by up to an eighth), `resized-crop` and `flip`.
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


def fit(module: "torch.nn.Module", source: Artifact, recipe: Recipe, work: Path, report: Report) -> float:
    """Train a module in place on the training images, on a GPU where there is one; returns the processor seconds.

    Each epoch's end is saved in `work`, and a run that was killed goes on from there to the same result.
    """
    import torch

    torch.set_num_threads(THREADS)
    torch.backends.cudnn.deterministic = True
    module.to(device()).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    state = _State(module, recipe)
    feed = _Feed(source, recipe.augmentation)
    full, rest = divmod(recipe.images, len(feed.labels))
    epochs = [len(feed.labels)] * full + ([rest] if rest else [])
    for epoch in range(state.resume(work), len(epochs)):
        torch.manual_seed(recipe.seed * 10_007 + epoch)  # order, augmentation and dropout, also after a kill
        order = torch.randperm(len(feed.labels))[: epochs[epoch]]
        _epoch(state, feed, order, epoch * len(feed.labels), report)
        state.accuracy = {"accuracy": accuracy(state.result, source, limit=PROGRESS_IMAGES)}
        state.save(epoch + 1, work)
        done = min((epoch + 1) * len(feed.labels), recipe.images)
        report({"done": done, "of": recipe.images, "unit": "images", **state.accuracy})
    state.finish()
    return state.seconds


def _epoch(state: "_State", feed: "_Feed", order: "torch.Tensor", seen: int, report: Report) -> None:
    """One pass over the images of `order`, after `seen` others."""
    import torch

    recipe = state.recipe
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=recipe.smoothing)
    state.module.train()
    for chosen in torch.split(order, recipe.batch):
        state.optimizer.param_groups[0]["lr"] = recipe.rate_at(seen / recipe.images)
        if len(chosen) > 1:  # batch norm needs two images
            images, labels = feed.batch(chosen.numpy())
            state.optimizer.zero_grad()
            loss_of(state.module(images), labels).backward()
            state.step()
        before, seen = seen, seen + len(chosen)
        if seen * _REPORTS // recipe.images > before * _REPORTS // recipe.images:
            report({"done": seen, "of": recipe.images, "unit": "images", **state.accuracy})


def device() -> "torch.device":
    """Where networks are trained: the first GPU, or the CPU."""
    import torch

    return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


def accuracy(module: "torch.nn.Module", source: Artifact, split: str = "validation", limit: int | None = None) -> float:
    """Top-1 accuracy of a module on a split, or on a fixed subset of `limit` images, in evaluation mode."""
    import torch

    labels = data.labels(source, split)
    chosen = data.stratified_subset(labels, limit or len(labels))
    module.eval()
    place = next((value.device for value in module.parameters()), torch.device("cpu"))
    right = 0
    with torch.inference_mode():
        for part in np.array_split(chosen, -(-len(chosen) // _BATCH)):
            images, truth = data.load(source, split, part)
            right += int((module(torch.from_numpy(images).to(place)).argmax(1).cpu().numpy() == truth).sum())
    return right / len(chosen)


class _Feed:
    """Batches of augmented, normalised training images where the module wants them."""

    def __init__(self, source: Artifact, augmentation: Sequence[str]) -> None:
        self._source = source
        self._pixels, self.labels = data.stored(source, "train")
        self._augment = _augmentation(augmentation, self._pixels.shape[2:], source.facts["mean"])
        self._place = device()

    def batch(self, chosen: NDArray[np.int64]) -> "tuple[torch.Tensor, torch.Tensor]":
        """Images, channels last, and labels."""
        import torch

        pixels = self._pixels[chosen]
        if self._augment:
            pixels = torch.stack([self._augment(image) for image in torch.from_numpy(pixels)]).numpy()
        images = torch.from_numpy(data.normalise(self._source, pixels))
        labels = torch.from_numpy(self.labels[chosen])
        return images.to(self._place, memory_format=torch.channels_last), labels.to(self._place)


def _augmentation(names: Sequence[str], size: Sequence[int], mean: Sequence[float]) -> Callable[[Any], Any] | None:
    """The transforms of one image of stored pixels; what a crop leaves empty becomes the mean."""
    if not names:
        return None
    v2 = vision.load("torchvision.transforms.v2")
    kinds = {
        "crop": lambda: v2.RandomCrop(tuple(size), padding=max(1, min(size) // 8), fill=list(mean)),
        "resized-crop": lambda: v2.RandomResizedCrop(tuple(size), scale=(0.35, 1.0), antialias=True),
        "flip": v2.RandomHorizontalFlip,
    }
    transforms: Callable[[Any], Any] = v2.Compose([kinds[name]() for name in names])
    return transforms


class _State:
    """What training changes, and so what a checkpoint holds."""

    def __init__(self, module: "torch.nn.Module", recipe: Recipe) -> None:
        from torch.optim import SGD, AdamW, Optimizer
        from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

        self.module, self.recipe = module, recipe
        self.accuracy: dict[str, float] = {}
        self._start, self._before = time.process_time(), 0.0
        self.weights = list(module.parameters())
        self.optimizer: Optimizer
        if recipe.optimizer == "adamw":
            self.optimizer = AdamW(self.weights, recipe.rate, weight_decay=recipe.decay)
        else:
            nesterov = recipe.momentum > 0
            self.optimizer = SGD(self.weights, recipe.rate, recipe.momentum, 0, recipe.decay, nesterov)
        averaging = get_ema_multi_avg_fn(recipe.ema)  # type: ignore[no-untyped-call]
        self._average = AveragedModel(module, multi_avg_fn=averaging, use_buffers=True) if recipe.ema else None

    @property
    def result(self) -> "torch.nn.Module":
        """The module whose weights training is after."""
        return self._average.module if self._average else self.module

    @property
    def seconds(self) -> float:
        """Processor seconds so far; of an epoch that was cut short by a kill they are not known."""
        return self._before + time.process_time() - self._start

    def step(self) -> None:
        """Follow the gradients."""
        self.optimizer.step()
        if self._average:
            self._average.update_parameters(self.module)

    def save(self, epoch: int, work: Path) -> None:
        """Write a checkpoint in place of the last one."""
        from safetensors.torch import save_file

        tensors = {f"module.{name}": value for name, value in self.module.state_dict().items()}
        for index, weight in enumerate(self.weights):
            tensors |= {f"optimizer.{index}.{key}": value for key, value in self.optimizer.state[weight].items()}
        if self._average:
            tensors |= {f"average.{name}": value for name, value in self._average.state_dict().items()}
        partial = work / (CHECKPOINT + ".partial")
        metadata = {"epoch": str(epoch), "seconds": str(self.seconds), "accuracy": str(self.accuracy["accuracy"])}
        save_file({key: value.contiguous() for key, value in tensors.items()}, partial, metadata)
        partial.rename(work / CHECKPOINT)

    def resume(self, work: Path) -> int:
        """Load the last checkpoint, if there is one; returns the epochs that are done."""
        import torch
        from safetensors import safe_open

        if not (work / CHECKPOINT).exists():
            return 0
        with safe_open(work / CHECKPOINT, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
            metadata = file.metadata()
        self.module.load_state_dict(_under("module.", tensors))
        if self._average:
            self._average.load_state_dict(_under("average.", tensors))
        for index, weight in enumerate(self.weights):
            for key, value in _under(f"optimizer.{index}.", tensors).items():
                # The order in memory decides how sums are rounded, so it must be that of the run that was killed.
                like = torch.empty_like(weight.detach()) if value.shape == weight.shape else torch.empty_like(value)
                self.optimizer.state[weight][key] = like.copy_(value)
        self.accuracy, self._before = {"accuracy": float(metadata["accuracy"])}, float(metadata["seconds"])
        return int(metadata["epoch"])

    def finish(self) -> None:
        """Leave the result in the module, on the CPU, its memory in the usual order."""
        import torch

        self.module.load_state_dict(self.result.state_dict())
        self.module.to("cpu").to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.module.eval()


def _under(prefix: str, tensors: "dict[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
