"""The way to torchvision, whose compiled operators do not load beside every build of torch; nothing here needs them."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# torchvision describes these when it is imported, and fails where torch does not know their names.
_OPERATORS = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@cache
def torchvision() -> Any:
    """The package: its models, and its transforms as `torchvision.transforms.v2`. Images are decoded by Pillow."""
    if not _operators_load():
        _declared_operators()
    import torchvision
    import torchvision.transforms.v2

    return torchvision


def _operators_load() -> bool:
    import torch

    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # the import itself tells best what is missing
    libraries = list(Path(spec.origin).parent.glob("_C.*"))
    try:
        for library in libraries:
            torch.ops.load_library(library)  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return bool(libraries)


@cache
def _declared_operators() -> "torch.library.Library":
    """Names without an implementation. They last as long as this object, hence the cache."""
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in _OPERATORS:
        library.define(name + _SCHEMA)  # type: ignore[no-untyped-call]
    return library
