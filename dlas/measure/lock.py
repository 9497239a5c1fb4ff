"""One measuring lock a host: two studies that measure at once would measure each other."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = Path(tempfile.gettempdir()) / "dlas-measuring.lock"


@contextmanager
def measuring_lock() -> Iterator[None]:
    """Wait for the lock, hold it for the block of code; the kernel releases it if the process dies."""
    handle = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
