"""What a child is given to work on, as its parent names it: folders of artifacts."""

from pathlib import Path

from dlas import artifacts
from dlas.artifacts import Artifact
from dlas.errors import BuildFailed


def artifact(folder: str) -> Artifact:
    """The artifact in a folder; raises BuildFailed where there is none."""
    found = artifacts.read(Path(folder))
    if found is None:
        raise BuildFailed(f"{folder} holds no artifact")
    return found
