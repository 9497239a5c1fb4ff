"""Artifacts in loads that a wire can carry; the store checks what arrives."""

from collections.abc import Sequence
from pathlib import Path

from dlas.artifacts import MANIFEST, Artifact
from dlas.errors import StoreError

LOAD = 8 << 20  # bytes; Dask warns of arguments above 10 MB

Piece = tuple[str, int, bytes]  # name of a file, where in it, content
_Extent = tuple[str, int, int]  # name of a file, first byte, bytes


def loads(artifact: Artifact) -> int:
    """How many loads an artifact makes."""
    return len(_plan(artifact))


def pack(artifact: Artifact, number: int) -> list[Piece]:
    """The pieces of one load."""
    return [
        (name, start, _read(artifact.folder / name, start, count)) for name, start, count in _plan(artifact)[number]
    ]


def unpack(folder: Path, pieces: Sequence[Piece]) -> None:
    """Write the pieces of a load into a folder; raises StoreError for a name that leads out of it."""
    for name, start, content in pieces:
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise StoreError(f"a shipped artifact has a file {name!r}, which lies outside of it; it was not written")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("r+b" if path.exists() else "wb") as file:
            file.seek(start)
            file.write(content)


def _plan(artifact: Artifact) -> list[list[_Extent]]:
    """Which part of which file goes into which load; the same wherever the artifact lies."""
    planned: list[list[_Extent]] = [[]]
    room = LOAD
    for name in (*sorted(artifact.files), MANIFEST):
        size, start = (artifact.folder / name).stat().st_size, 0
        while True:
            count = min(room, size - start)
            planned[-1].append((name, start, count))
            start, room = start + count, room - count
            if start >= size:
                break
            planned.append([])
            room = LOAD
    return planned


def _read(path: Path, start: int, count: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(count)
