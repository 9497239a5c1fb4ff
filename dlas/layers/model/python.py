"""A user's own network: a Python function that returns a torch module."""

import importlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dlas import fingerprint
from dlas.errors import OptionError
from dlas.layers.model import Shape, fields, origin
from dlas.option import parameter

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class PythonNetwork:
    """Your own network: a function that is called with (channels, height, width) and the number of classes."""

    name: ClassVar = "python"
    suggested: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar = ("torch", "onnxscript", "onnxruntime")
    family: ClassVar = origin.BY_NORM

    target: str = parameter("package.module:function, found from the current folder or PYTHONPATH", positional=True)
    weights: str = fields.weights()
    recipe: str = fields.recipe()
    seed: int = fields.seed()

    def module(self, shape: Shape, classes: int) -> "torch.nn.Module":
        """What the function returns, which must be a torch module."""
        from torch import nn

        place = f"model python@{self.target}"
        self._file()
        name, _, function = self.target.partition(":")
        found = getattr(importlib.import_module(name), function, None)
        if not callable(found):
            raise OptionError(f"{place}: {name} has no function {function!r}; write package.module:function")
        module = found(shape, classes)
        if not isinstance(module, nn.Module):
            raise OptionError(
                f"{place}: the function returns a {type(module).__name__}, not a torch module; return one"
            )
        return module

    def _file(self) -> Path:
        """The source of the user's module; raises OptionError where there is none."""
        place, name = f"model python@{self.target}", self.target.partition(":")[0]
        if os.getcwd() not in sys.path:  # noqa: PTH109 - an installed command does not look there by itself
            sys.path.insert(0, os.getcwd())  # noqa: PTH109
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            spec = None
        if spec is None or not spec.origin:
            raise OptionError(f"{place}: there is no module {name!r}; run in its folder, or name that in PYTHONPATH")
        return Path(spec.origin)

    def ingredients(self) -> dict[str, Any]:
        """The module's source decides the network."""
        return {"function": fingerprint.content(self._file()), **origin.ingredients(self)}

    make = origin.make
    needs = origin.needs
