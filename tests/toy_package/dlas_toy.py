"""An option of somebody else's package: what a plug-in needs, and nothing more."""

import shutil
from dataclasses import dataclass
from typing import ClassVar

from dlas.option import parameter


@dataclass(frozen=True)
class Toy:
    """The network as it is, under another name."""

    name: ClassVar = "toy"
    suggested: ClassVar = ("toy", "toy@2")

    level: int = parameter("changes nothing but the key", 1, positional=True, low=1)

    def compress(self, before, source, out, work, report):
        """Copy the network."""
        for name in before.files:
            shutil.copyfile(before.file(name), out / name)
        return dict(before.facts)
