"""Any other classification network of torchvision or of timm, by the name it has there."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dlas import vision
from dlas.errors import OptionError
from dlas.layers.model import Shape, adapt, fields, origin
from dlas.option import parameter

if TYPE_CHECKING:
    import torch

COLOURS = 3


@dataclass(frozen=True)
class TorchvisionNetwork:
    """A classification network of torchvision as it is published, for these channels, classes and size of images."""

    name: ClassVar = "torchvision"
    suggested: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar = origin.PACKAGES
    family: ClassVar = origin.BY_NORM

    network: str = parameter("name of the network in torchvision.models, such as regnet_y_400mf", positional=True)
    weights: str = fields.weights()
    recipe: str = fields.recipe()
    seed: int = fields.seed()

    def module(self, shape: Shape, classes: int) -> "torch.nn.Module":
        """The network; its first convolution is another one where images do not have three channels."""
        models = vision.load("torchvision.models")
        _known(f"model torchvision@{self.network}", self.network, models.list_models(module=models))
        module: torch.nn.Module = models.get_model(self.network, weights=None, num_classes=classes, **self._size(shape))
        if shape[0] != COLOURS:
            adapt.recolour(module, shape[0])
        return module

    def _size(self, shape: Shape) -> dict[str, Any]:
        """What some constructors must be told."""
        if self.network.startswith("vit"):
            return {"image_size": shape[1]}
        if self.network.startswith("maxvit"):
            return {"input_size": shape[1:]}
        if self.network in ("googlenet", "inception_v3"):
            return {"aux_logits": False, "init_weights": True}
        return {}

    make = origin.make
    needs = origin.needs
    ingredients = origin.ingredients


@dataclass(frozen=True)
class TimmNetwork:
    """A network of timm as it is published, for these channels, classes and, where it asks, size of images."""

    name: ClassVar = "timm"
    suggested: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar = ("timm", *origin.PACKAGES)
    family: ClassVar = origin.BY_NORM

    network: str = parameter("name of the network in timm, such as vit_tiny_patch16_224", positional=True)
    weights: str = fields.weights()
    recipe: str = fields.recipe()
    seed: int = fields.seed()

    def module(self, shape: Shape, classes: int) -> "torch.nn.Module":
        """The network."""
        timm = vision.load("timm")
        _known(f"model timm@{self.network}", self.network, timm.list_models())
        fixed = {"pretrained": False, "num_classes": classes, "in_chans": shape[0]}
        try:
            module: torch.nn.Module = timm.create_model(self.network, **fixed, img_size=shape[1:])
        except TypeError:  # most convolutional networks take images of any size, and no such argument
            module = timm.create_model(self.network, **fixed)
        return module

    make = origin.make
    needs = origin.needs
    ingredients = origin.ingredients


def _known(place: str, name: str, names: Sequence[str]) -> None:
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "its own list has the names"
        raise OptionError(f"{place}: there is no classification network of this name; {hint}")
