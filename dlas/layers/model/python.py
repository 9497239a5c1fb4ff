"""A user's own network: a Python function that returns a torch module."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dlas import fingerprint
from dlas.errors import BuildFailed, OptionError
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
        """What the function returns, which must be a torch module; raises BuildFailed where it raises something."""
        from torch import nn

        place = f"model python@{self.target}"
        self._spec()
        name, _, function = self.target.partition(":")
        found = getattr(importlib.import_module(name), function, None)
        if not callable(found):
            raise OptionError(f"{place}: {name} has no function {function!r}; write package.module:function")
        try:
            module = found(shape, classes)
        except origin.UNSUITABLE as problem:  # whoever asks takes these for images of a wrong size
            raise BuildFailed(
                f"{place}: the function raised {type(problem).__name__} ({problem}); mend it"
            ) from problem
        if not isinstance(module, nn.Module):
            raise OptionError(
                f"{place}: the function returns a {type(module).__name__}, not a torch module; return one"
            )
        return module

    def _spec(self) -> ModuleSpec:
        """Where the user's module lies; raises OptionError where there is none."""
        place, name = f"model python@{self.target}", self.target.partition(":")[0]
        if os.getcwd() not in sys.path:  # noqa: PTH109 - an installed command does not look there by itself
            sys.path.insert(0, os.getcwd())  # noqa: PTH109
        try:
            spec = _find(name)
        except ValueError:  # an empty name
            spec = None
        if spec is None or not spec.origin:
            raise OptionError(f"{place}: there is no module {name!r}; run in its folder, or name that in PYTHONPATH")
        return spec

    def ingredients(self) -> dict[str, Any]:
        """The module's source decides the network, with that of the whole package where it is in one."""
        file, package = str(self._spec().origin), _find(self.target.partition(":")[0].partition(".")[0])
        folders = package.submodule_search_locations if package else None
        code = _code(folders) if folders else fingerprint.content(Path(file))
        return {"function": code, **origin.ingredients(self)}

    make = origin.make
    needs = origin.needs


def _find(name: str) -> ModuleSpec | None:
    """Where a module lies; unlike `importlib.util.find_spec` it runs none of the packages around it."""
    around = name.rpartition(".")[0]
    if not around:
        return importlib.util.find_spec(name)
    package = _find(around)
    folders = package.submodule_search_locations if package else None
    return PathFinder.find_spec(name, folders) if folders else None


def _code(folders: Iterable[str]) -> str:
    """Hash of all Python files of a package."""
    files = sorted((file.relative_to(folder), file) for folder in folders for file in Path(folder).rglob("*.py"))
    return fingerprint.digest({"files": [[str(name), fingerprint.content(file)] for name, file in files]})
