"""Compression: how a network is made smaller. A step takes one Network artifact and makes another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from dlas.artifacts import Artifact
from dlas.option import Option

Report = Callable[[dict[str, Any]], None]


class Compression(Option, Protocol):
    """One step of a chain; `takes_module` and `leaves_module` tell whether it reads and writes a torch module.

    An option without `compress`, such as `none`, leaves the network as it is. What else a step may declare:
    `last`, that it stores weights in a form which no later step may change; `precision`, the arithmetic that it
    promises; `without_module`, what to do where it needs a module and there is none.
    """

    @property
    def takes_module(self) -> bool:
        """Whether the step changes a torch module."""

    @property
    def leaves_module(self) -> bool:
        """Whether a network that had a torch module still has one afterwards."""

    def compress(self, before: Artifact, source: Artifact, out: Path, work: Path, report: Report) -> dict[str, Any]:
        """Write the compressed Network artifact's files into `out`; `source` holds the data to tune on."""


def leaves_module(chain: tuple[Option, ...], model: Option) -> bool:
    """Whether a torch module is left after all steps of a chain."""
    return all(getattr(option, "leaves_module", True) for option in (model, *chain))


def precision(chain: tuple[Option, ...]) -> str:
    """The arithmetic that a chain promises."""
    promised = (str(found) for step in reversed(chain) if (found := getattr(step, "precision", "")))
    return next(promised, "float32")


def obstacle(chain: tuple[Option, ...], model: Option) -> str | None:
    """Why the steps of a chain cannot follow each other or this model, or None."""
    before = ""
    module = leaves_module((), model)
    for step in chain:
        name = str(getattr(step, "name", step))
        if before and hasattr(step, "compress"):
            return f"{name} cannot follow {before}, whose stored weights it would change; put {before} last"
        if getattr(step, "takes_module", False) and not module:
            remedy = getattr(step, "without_module", "put it before the step that leaves none")
            return f"{name} needs a torch module, and there is none; {remedy}"
        module = module and getattr(step, "leaves_module", True)
        before = name if getattr(step, "last", False) else before
    return None
