"""One measuring lock a host: two studies that measure at once would measure each other."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The same for every user and session of the host, whatever their TMPDIR.
LOCK = Path("/tmp/dlas-measuring.lock")  # noqa: S108


@contextmanager
def measuring_lock() -> Iterator[None]:
    """Wait for the lock, hold it for the block of code; the kernel releases it if the process dies."""
    handle = _open()
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _open() -> int:
    """The lock file, only for reading: another user's may not be written, but can be locked."""
    try:
        return os.open(LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return os.open(LOCK, os.O_RDONLY | os.O_CREAT, 0o666)
