"""dlas: perturb the layers of a deep-learning acceleration stack, measure accuracy, latency and size."""

from typing import TYPE_CHECKING, Any

from dlas.stack import Stack

if TYPE_CHECKING:
    from dlas.api import open_cube, perturb, remeasure, run

__all__ = ["Stack", "open_cube", "perturb", "remeasure", "run"]


def __getattr__(name: str) -> Any:
    """What runs studies is imported when it is first used, so that the command line answers at once."""
    if name not in __all__:
        raise AttributeError(f"module 'dlas' has no attribute {name!r}")
    from dlas import api

    return getattr(api, name)
