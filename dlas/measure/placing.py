"""Threads of a measuring child: each on a processor of its own while it is timed, none on any while others are."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

TASKS = Path("/proc/self/task")
_WATCHED = 0.05  # s of work by which the threads that compute are told from those that wait
_LOOK = 5e-4  # s between two looks at whether threads still run
LONGEST_REST = 0.3  # s; pools were seen to spin for 100 ms, and may be told to for 200


def spread(work: Callable[[], None], processors: Sequence[int], tasks: Path = TASKS) -> dict[int, int]:
    """Find a processor for each thread that computes, and pin them all but the caller; returns thread and processor.

    A child that waits between its steps wakes up with its threads on one processor, and the system's scheduler moves
    them apart too late for a step of milliseconds. For one processor, and where the system does not tell which threads
    ran during `work`, there is nothing to do.
    """
    if len(processors) == 1:
        return {}
    before = _ran(tasks)
    start = time.perf_counter()
    while time.perf_counter() - start < _WATCHED:
        work()
    found = dict(zip(busiest(before, _ran(tasks), len(processors)), processors, strict=False))
    for thread, processor in found.items():
        if thread != threading.get_native_id():
            with suppress(ProcessLookupError):  # it ended meanwhile
                os.sched_setaffinity(thread, {processor})
    return found


@contextmanager
def kept(placed: Mapping[int, int]) -> Iterator[None]:
    """The caller on its processor meanwhile; not for good, since the threads that it starts are pinned as it is."""
    processor = placed.get(threading.get_native_id())
    before = os.sched_getaffinity(0)
    if processor is not None:
        os.sched_setaffinity(0, {processor})
    try:
        yield
    finally:
        if processor is not None:
            os.sched_setaffinity(0, before)


def rest() -> None:
    """Wait until no thread of this process runs but the caller: those of a pool spin before they sleep."""
    others = [folder for folder in _threads(TASKS) if int(folder.name) != threading.get_native_id()]
    end = time.perf_counter() + LONGEST_REST
    while any(_runs(thread) for thread in others) and time.perf_counter() < end:
        time.sleep(_LOOK)


def busiest(before: Mapping[int, int], after: Mapping[int, int], count: int) -> list[int]:
    """The threads that ran longest in between, at most so many, in the order of their numbers."""
    ran = {thread: total - before.get(thread, 0) for thread, total in after.items()}
    longest = sorted((thread for thread in ran if ran[thread] > 0), key=lambda thread: -ran[thread])
    return sorted(longest[:count])


def _threads(tasks: Path) -> list[Path]:
    return list(tasks.iterdir()) if tasks.is_dir() else []


def _ran(tasks: Path) -> dict[int, int]:
    """Nanoseconds that each thread of this process has run."""
    found = {}
    for thread in _threads(tasks):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile, or this system does not count
            found[int(thread.name)] = int((thread / "schedstat").read_text().split()[0])
    return found


def _runs(thread: Path) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
        return (thread / "stat").read_text().rpartition(")")[2].split()[0] == "R"
    return False
