"""Compression: how a network is made smaller. A step takes one Network artifact and makes another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Protocol

from dlas.artifacts import Artifact
from dlas.option import Option

Report = Callable[[dict[str, Any]], None]


class Compression(Option, Protocol):
    """One step of a chain; `takes_module` and `leaves_module` tell whether it reads and writes a torch module.

    An option without `compress`, such as `none`, leaves the network as it is.
    """

    takes_module: ClassVar[bool]
    leaves_module: ClassVar[bool]

    def compress(self, network: Artifact, source: Artifact, out: Path, work: Path, report: Report) -> dict[str, Any]:
        """Write the compressed Network artifact's files into `out`; `source` holds the data to tune on."""


def obstacle(chain: tuple[Option, ...]) -> str | None:
    """Why the steps of a chain cannot follow each other, or None."""
    module = True
    for step in chain:
        if getattr(step, "takes_module", False) and not module:
            return f"{getattr(step, 'name', step)} needs a torch module, which the step before it does not leave"
        module = module and getattr(step, "leaves_module", True)
    return None
