"""torchvision, also beside a torch into which its compiled operators do not load; every import of it goes through here.

The CPU wheels of the two packages do not always fit; networks, data sets and transforms need none of the operators.
"""

import importlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# torchvision registers shapes for these two when it is imported, which fails where they do not exist.
_OPERATORS = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def load(module: str = "torchvision") -> Any:
    """The module of torchvision, or of a package that imports it, by its dotted name."""
    _prepare()
    return importlib.import_module(module)


@cache
def _prepare() -> "torch.library.Library | None":
    """Declare the operators that do not load; what is returned keeps the declarations alive."""
    import torch

    if _operators_load():
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in _OPERATORS:
        library.define(name + _SCHEMA)  # type: ignore[no-untyped-call]
    return library


def _operators_load() -> bool:
    import torch

    spec = importlib.util.find_spec("torchvision")
    places = list(spec.submodule_search_locations or []) if spec else []
    compiled = [path for place in places for path in Path(place).glob("_C*.so")]
    try:
        for path in compiled:
            torch.ops.load_library(path)  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return bool(compiled)
