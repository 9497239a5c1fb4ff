"""Threads of a measuring child, each on a processor of its own while it computes, and off it afterwards."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

TASKS = Path("/proc/self/task")
WATCHED = 0.05  # s of work by which the threads that compute are told from those that wait
LOOK = 5e-4  # s between two looks at whether threads still run
LONGEST_REST = 0.3  # s; pools were seen to spin for 20 ms and may be told to for 200


def spread(work: Callable[[], None], tasks: Path = TASKS) -> dict[int, int]:
    """Pin the threads that compute, one to each processor that this process may use; returns thread and processor.

    A child that waits between its steps wakes up with its threads on one processor, and the system's scheduler moves
    them apart too late for a step of milliseconds. Where it does not tell what threads ran, nothing is pinned.
    """
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) == 1:
        return {}
    before = _ran(tasks)
    start = time.perf_counter()
    while time.perf_counter() - start < WATCHED:
        work()
    pinned = dict(zip(busiest(before, _ran(tasks), len(processors)), processors, strict=False))
    for thread, processor in pinned.items():
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.sched_setaffinity(thread, {processor})
    return pinned


def busiest(before: Mapping[int, int], after: Mapping[int, int], count: int) -> list[int]:
    """The threads that ran longest in between, at most so many, in the order of their numbers."""
    ran = {thread: total - before.get(thread, 0) for thread, total in after.items()}
    longest = sorted((thread for thread in ran if ran[thread] > 0), key=lambda thread: -ran[thread])
    return sorted(longest[:count])


def rest(threads: Iterable[int], tasks: Path = TASKS) -> None:
    """Wait until none of these threads runs but the caller: a pool's spin before they sleep, on others' processors."""
    others = [thread for thread in threads if thread != threading.get_native_id()]
    end = time.perf_counter() + LONGEST_REST
    while any(_runs(tasks / str(thread)) for thread in others) and time.perf_counter() < end:
        time.sleep(LOOK)


def _ran(tasks: Path) -> dict[int, int]:
    """Nanoseconds that each thread of this process has run; empty where the system does not tell."""
    found = {}
    for folder in tasks.iterdir() if tasks.is_dir() else ():
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile, or nobody counts
            found[int(folder.name)] = int((folder / "schedstat").read_text().split()[0])
    return found


def _runs(folder: Path) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return (folder / "stat").read_text().rpartition(")")[2].split()[0] == "R"
    return False
