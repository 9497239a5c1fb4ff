"""The network as it is."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class NoCompression:
    """No compression: the network as it was trained."""

    name: ClassVar = "none"
    suggested: ClassVar = ("none",)
