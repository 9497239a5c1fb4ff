"""Images in a folder for each class: ImageNet, CIFAR-10-JPEG75, a user's own."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dlas import data
from dlas.errors import DataError
from dlas.layers.dataset import archive, decoding, folders, normalisation, order, splits
from dlas.layers.dataset.folders import Part
from dlas.option import parameter

# A split is read whole by training and scoring: as float32 it must fit in memory.
LARGEST = 8 * 2**30  # bytes
CHANNELS = 3


@dataclass(frozen=True)
class ImageFolder:
    """Your own images: a folder or a .tar with a folder for each class, or with train/, val/, test/ of such folders."""

    name: ClassVar = "image-folder"
    suggested: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar = ("Pillow", "torchvision")

    root: str = parameter("name of the data, or path of the folder or .tar", positional=True, locator=True)
    size: int = parameter("the shorter side becomes so many pixels; 0: as it is", 0, low=0, high=4096)
    crop: int = parameter("keep the middle, so many pixels square; 0: as `size`", 0, low=0, high=4096)
    mean: str = normalisation.mean()
    std: str = normalisation.std()
    channels: str = parameter("order in which the network wants them", "rgb", choices=("rgb", "bgr"))
    labels: str = parameter(
        "file with a folder's name a line, in the network's order; folders: in the order of their names",
        order.FOLDERS,
        choices=(order.FOLDERS,),
        locator=True,
    )
    classes: int = parameter(
        "how many the network tells apart, where only some lines of `labels` have a folder; 0: all have", 0, low=0
    )
    test: float = parameter(
        "share of the images for testing, where there is no folder test/", 0.2, low=0, high=1, open=True
    )
    limit: int = parameter("use at most so many images for each of train, validation, test; 0: all", 0, low=0)
    seed: int = parameter("draws the images of each split where no folder decides, and the order of training", 0, low=0)

    def load(self, sources: Mapping[str, Path], out: Path) -> dict[str, Any]:
        """Name the images, draw the splits, then decode each image into its place on disk."""
        source = sources[self.root]
        place = f"dataset image-folder@{self.root}"
        if 0 < self.size < self.crop:
            raise DataError(f"{place}: crop={self.crop} is more than size={self.size}; give size={self.crop} or more")
        given = normalisation.read(place, self.mean, self.std, CHANNELS, scale=255.0)
        names = archive.names(place, source)
        classes, parts = folders.arrange(place, names, self._order(place, sources), partial=bool(self.classes))
        parts = {name: _limited(place, part, self.limit) for name, part in self._splits(place, classes, parts).items()}
        decode = decoding.decoder(place, self.size, self.crop or self.size, self.channels == "bgr")
        _fill(place, source, out, parts, decode)
        return data.finish(out, len(classes), splits.CALIBRATION, given)

    def _order(self, place: str, sources: Mapping[str, Path]) -> tuple[str, ...]:
        """The classes in the order that the user gave, if any."""
        if self.labels != order.FOLDERS:
            return order.read(place, sources[self.labels], self.classes)
        if self.classes:
            raise DataError(f"{place}: classes={self.classes} needs their order; give labels=FILE, a class a line")
        return ()

    def _splits(self, place: str, classes: tuple[str, ...], parts: dict[str, Part]) -> dict[str, Part]:
        """The three splits: what has no folder of its own is drawn from the training images, whose order is random."""
        found = dict(parts)
        if len(parts) == len(data.SPLITS):  # drawing mixes the classes; without it they lie one after the other
            train = parts["train"]
            found |= _chosen(train, {"train": np.random.default_rng(self.seed).permutation(len(train.names))})
        for name, share in (("test", self.test), ("validation", splits.VALIDATION)):
            if name not in found:
                drawn = splits.draw(place, found["train"].labels, classes, name, share, self.seed)
                found |= _chosen(found["train"], drawn)
        return {name: found[name] for name in data.SPLITS}


def _chosen(part: Part, chosen: dict[str, NDArray[np.int64]]) -> dict[str, Part]:
    return {name: Part(tuple(part.names[i] for i in indices), part.labels[indices]) for name, indices in chosen.items()}


def _limited(place: str, part: Part, limit: int) -> Part:
    chosen = data.stratified_subset(part.labels, limit or len(part.labels))
    classes = len(np.unique(part.labels))
    if len(np.unique(part.labels[chosen])) < classes:
        raise DataError(f"{place}: limit={limit} leaves some of the {classes} classes without images; raise it")
    return _chosen(part, {"limited": chosen})["limited"]


def _fill(place: str, source: Path, out: Path, parts: dict[str, Part], decode: decoding.Decoder) -> None:
    """Decode in the order of the source, write to the place in the split: one image is in memory at a time."""
    where = {name: (split, index) for split, part in parts.items() for index, name in enumerate(part.names)}
    pixels: dict[str, data.Pixels] = {}
    for name, content in archive.contents(place, source, set(where)):
        image = decode(name, content)
        if not pixels:
            first, shape = name, image.shape
            pixels = _allocate(place, out, parts, shape)
        if image.shape != shape:
            sizes = [f"{s[2]}x{s[1]}" for s in (shape, image.shape)]
            raise DataError(f"{place}: {first} is {sizes[0]}, {name} is {sizes[1]}; give size=, to make them one size")
        split, index = where[name]
        pixels[split][index] = image


def _allocate(place: str, out: Path, parts: dict[str, Part], shape: tuple[int, ...]) -> dict[str, data.Pixels]:
    pixels = {}
    for split, part in parts.items():
        most = LARGEST // (math.prod(shape) * np.dtype(np.float32).itemsize)
        if len(part.names) > most:
            raise DataError(f"{place}: {len(part.names):,} images for {split} do not fit in memory; give limit={most}")
        pixels[split], labels = data.allocate(out, split, len(part.names), shape)
        labels[:] = part.labels
    return pixels
