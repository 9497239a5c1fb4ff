"""One measuring lock a host: two studies that measure at once would measure each other."""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dlas.errors import BuildFailed, StudyError

# The same for every user and session of the host, whatever their TMPDIR.
LOCK = Path("/tmp/dlas-measuring.lock")  # noqa: S108
LOOK = 0.2  # s between two looks at whether somebody who waits shall go on waiting

_READABLE = 0o444


@contextmanager
def measuring_lock(stopped: Callable[[], bool] | None = None) -> Iterator[None]:
    """Wait for the lock, hold it for the block of code; the kernel releases it if the process dies.

    Raises StudyError where it cannot be opened and, in a thread that no Ctrl-C reaches, BuildFailed once `stopped`.
    """
    handle = _open()
    try:
        if stopped is None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        else:
            _wait(handle, stopped)
        yield
    finally:
        os.close(handle)


def _wait(handle: int, stopped: Callable[[], bool]) -> None:
    """Have another thread wait: to ask again and again would lose against studies that wait for their turn."""
    waiting = threading.Thread(target=_lock, args=(os.dup(handle),), daemon=True)
    waiting.start()
    while waiting.is_alive():
        waiting.join(LOOK)
        if stopped():
            raise BuildFailed("stopped while it waited for the host's measuring lock")


def _lock(duplicate: int) -> None:
    """Take the lock for the handle that this is a duplicate of; if that is closed by now, it goes with this one."""
    try:
        fcntl.flock(duplicate, fcntl.LOCK_EX)
    finally:
        os.close(duplicate)


def _open() -> int:
    """The lock file, only for reading: another user's may not be written, but can be locked."""
    try:
        try:
            return os.open(LOCK, os.O_RDONLY)
        except FileNotFoundError:
            return _made()
    except OSError as problem:
        raise StudyError(
            f"the host's measuring lock {LOCK} cannot be opened ({os.strerror(problem.errno or 0).lower()}); "
            f"its owner may let others in with `chmod a+r {LOCK}`"
        ) from problem


def _made() -> int:
    try:
        handle = os.open(LOCK, os.O_RDONLY | os.O_CREAT | os.O_EXCL, _READABLE)
    except FileExistsError:  # another process was first
        return os.open(LOCK, os.O_RDONLY)
    os.fchmod(handle, _READABLE)  # whatever the umask
    return handle
