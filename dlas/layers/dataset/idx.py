"""The IDX format: a header that tells the sizes, then bytes (http://yann.lecun.com/exdb/mnist/)."""

import gzip
import math
import struct
import zlib
from io import BufferedReader
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlas.errors import DataError

_BYTES = 8  # the format's code for unsigned bytes
_LARGEST = 2**32  # bytes; far beyond any set in this format


def read(place: str, folder: Path, name: str, dimensions: int) -> NDArray[np.uint8]:
    """The array in `folder/name` or `folder/name.gz`; raises DataError where there is none, or a damaged one."""
    path = next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)
    if path is None:
        raise DataError(f"{place}: {folder} has neither {name} nor {name}.gz; put the four IDX files there")
    try:
        with _open(path) as stream:
            return _array(stream, dimensions)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as problem:
        raise DataError(f"{place}: {path} is no whole IDX file ({problem}); fetch it again") from problem


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _array(stream: gzip.GzipFile | BufferedReader, dimensions: int) -> NDArray[np.uint8]:
    zeros, kind, found = struct.unpack(">HBB", stream.read(4))
    if (zeros, kind, found) != (0, _BYTES, dimensions):
        raise ValueError(f"its header does not announce bytes in {dimensions} dimensions")
    sizes = struct.unpack(f">{dimensions}I", stream.read(4 * dimensions))
    if math.prod(sizes) > _LARGEST:
        raise ValueError(f"its header announces {math.prod(sizes):,} bytes")
    content = stream.read(math.prod(sizes) + 1)
    if len(content) != math.prod(sizes):
        amount = "more" if len(content) > math.prod(sizes) else "fewer"
        raise ValueError(f"its header announces {math.prod(sizes):,} bytes, {amount} are there")
    return np.frombuffer(content, np.uint8).reshape(sizes)
