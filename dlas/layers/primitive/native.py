"""The code generator's own choice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Native:
    """Whatever the code generator chooses for each operator."""

    name: ClassVar = "native"
    suggested: ClassVar = ("native",)
    lowerings: ClassVar[Mapping[str, str]] = {}
