"""How a network gets its weights: trained by a recipe, from the zoo, from a user's file, or left as drawn."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dlas import network, training
from dlas.artifacts import Artifact
from dlas.layers.model import Report, Shape, recipes

if TYPE_CHECKING:
    import torch

CHOICES = ("zoo", "train", "random")
PACKAGES = ("torch", "torchvision", "onnxscript", "onnxruntime")
def make(*a): raise NotImplementedError
