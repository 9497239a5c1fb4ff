"""dlas: perturb the layers of a deep-learning acceleration stack, measure accuracy, latency and size."""

from dlas.api import open_cube, perturb
from dlas.stack import Stack

__all__ = ["Stack", "open_cube", "perturb"]
