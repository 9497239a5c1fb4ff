"""Trained networks that come with dlas: weights in float16, each beside a page that tells how it was trained."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlas import data
from dlas.artifacts import Artifact

if TYPE_CHECKING:
    import torch

FOLDER = Path(__file__).parent
TOLERANCE = 0.02  # deviations; another decoder stays below a tenth of it, another normalisation is far beyond
# The split that the networks were trained on, by what `split` gives for it.
SPLITS = {
    "CIFAR-10-JPEG75": "8021d6dc7dd61957b693e4290350c099bc1ec78db65abb27b2e3f36f7456474e",
    "Fashion-MNIST": "76e17c87c89d561af2c049176d2059f806a0473e73e254e60edc869e1ca1ac05",
}


@dataclass(frozen=True)
class Entry:
    """One network of the zoo; `means` are those of the normalised test images of each class and channel."""

    dataset: str
    model: str
    shape: tuple[int, ...]
    means: tuple[tuple[float, ...], ...]
    sha256: str
    recipe: Mapping[str, Any]
    accuracy: Mapping[str, float]
    seconds: float

    @property
    def file(self) -> Path:
        """Its weights."""
        return FOLDER / self.dataset / f"{self.model}.safetensors"

    def suits(self, source: Artifact) -> bool:
        """Whether data are what it was trained for: images, order of the classes, normalisation, channels."""
        if tuple(source.facts["shape"]) != self.shape or source.facts["classes"] != len(self.means):
            return False
        return bool(np.abs(class_means(source) - np.array(self.means)).max() < TOLERANCE)

    def spares(self, source: Artifact) -> bool:
        """Whether it was trained on the training images of such data alone, none of their validation images."""
        return split(source) == SPLITS[self.dataset]


@cache
def entries() -> tuple[Entry, ...]:
    """All networks of the zoo."""
    pages = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*/*.json"))]
    return tuple(_read(page) for page in pages)


def _read(page: Mapping[str, Any]) -> Entry:
    means = tuple(tuple(row) for row in page["means"])
    return Entry(**{**page, "shape": tuple(page["shape"]), "means": means})


def find(model: str) -> list[Entry]:
    """The networks of one model option, each trained for other data."""
    return [entry for entry in entries() if entry.model == model]


def load(entry: Entry) -> "dict[str, torch.Tensor]":
    """Its weights."""
    from safetensors.torch import load_file

    return load_file(entry.file)


def split(source: Artifact) -> str:
    """SHA-256 of the validation images' labels, in their order: another seed draws another one."""
    return hashlib.sha256(data.labels(source, "validation").tobytes()).hexdigest()


def class_means(source: Artifact) -> NDArray[np.float64]:
    """Mean of the normalised test images: (classes, channels)."""
    images, labels = data.load(source, "test")
    per_image = images.mean((2, 3), dtype=np.float64)
    return np.stack([per_image[labels == label].mean(0) for label in range(source.facts["classes"])])
