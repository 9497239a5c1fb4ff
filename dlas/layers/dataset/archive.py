"""The files of a folder or of a tar archive, by name; an archive is read, never unpacked."""

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from posixpath import normpath

from dlas.errors import DataError

LARGEST = 2**30  # bytes of one file, which is read whole
_DAMAGE = (tarfile.TarError, EOFError, OSError, ValueError, OverflowError, zlib.error, lzma.LZMAError)
_ZEROS = bytes(tarfile.BLOCKSIZE)


def names(place: str, source: Path) -> list[str]:
    """Names of all files, and of all folders with a final `/`, sorted and relative.

    Raises DataError for an archive that is damaged or that climbs out of its folder.
    """
    return sorted(_in_folder(place, source) if source.is_dir() else _in_archive(place, source))


def contents(place: str, source: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each wanted file, in the order in which the source holds them."""
    if source.is_dir():
        for name in sorted(wanted):
            yield name, _content(place, source / name)
        return
    with _open(place, source) as archive:
        for member in archive:
            if member.isfile() and normpath(member.name) in wanted:
                stream = archive.extractfile(member)
                assert stream is not None
                yield normpath(member.name), stream.read()


def _content(place: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise DataError(f"{place}: {path} cannot be read ({problem.strerror}); make it readable") from problem


def _in_folder(place: str, source: Path) -> Iterator[str]:
    for path in source.rglob("*"):
        if path.is_symlink() and path.is_dir():
            raise DataError(f"{place}: {path} is a link to a folder; put the folder itself there")
        if not path.is_dir() and not path.is_file():
            raise DataError(f"{place}: {path} is no file that can be read; remove it")
        yield path.relative_to(source).as_posix() + ("/" if path.is_dir() else "")


def _in_archive(place: str, source: Path) -> Iterator[str]:
    with _open(place, source) as archive:
        for member in archive:
            objection = _objection(member)
            if objection:
                raise DataError(f"{place}: {source} holds {member.name!r}{objection}")
            if normpath(member.name) != ".":
                yield normpath(member.name) + ("/" if member.isdir() else "")
        _expect_the_end(archive)


def _objection(member: tarfile.TarInfo) -> str:
    """What is wrong with a member, and the remedy; empty where nothing is."""
    if member.name.startswith("/") or ".." in member.name.split("/"):
        return ", which climbs out of it; do not trust it"
    if not member.isfile() and not member.isdir():
        return ", no plain file; pack it with `tar --dereference`"
    return f" of {member.size:,} bytes; no image is so large, remove it" if member.size > LARGEST else ""


def _expect_the_end(archive: tarfile.TarFile) -> None:
    """A whole archive ends in zeros; Python also takes it to end where it is cut, or where a header is damaged."""
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != _ZEROS:
        raise tarfile.ReadError(f"damaged or cut off at byte {archive.offset:,}")


@contextmanager
def _open(place: str, source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source) as archive:
            yield archive
    except _DAMAGE as problem:
        raise DataError(f"{place}: {source} is no whole tar archive ({problem}); fetch or pack it again") from problem
