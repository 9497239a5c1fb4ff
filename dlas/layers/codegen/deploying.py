"""What a code generator gives away of an executable so that it runs where dlas is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dlas.artifacts import Artifact
from dlas.host import Place


@dataclass(frozen=True)
class Deployment:
    """Beside the files that were written: how Python runs them.

    `code` is Python text that imports the runtime and defines `infer(images)`, logits of one normalised batch; it finds
    `HERE`, the folder of the files, `numpy` as `np`, and `settings`, which hold the settings given here. `packages` are
    what it needs, pinned to the versions that are installed.
    """

    code: str
    settings: Mapping[str, Any]
    packages: tuple[str, ...]


class Deploying(Protocol):
    """What a code generator declares beside its other verbs where its executables run without dlas."""

    def deploy(self, executable: Artifact, place: Place, out: Path) -> Deployment:
        """Write the files of an executable into `out`; raises Inapplicable for what cannot run elsewhere."""
