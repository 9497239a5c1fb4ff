"""The clocks of one process, and what one timed repetition records."""

import resource
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol


class Repetition(NamedTuple):
    """A timed run of an inner loop, in nanoseconds for all its inferences; `switches` were involuntary."""

    wall: int
    cpu: int
    switches: int


class Clock(Protocol):
    """Where time comes from; a test brings its own."""

    def wall(self) -> int:
        """Nanoseconds of a monotonic wall clock."""

    def cpu(self) -> int:
        """Nanoseconds of processor time that count as the runtime's."""

    def switches(self) -> int:
        """Involuntary context switches so far."""


class ThreadClock:
    """Time of the calling thread: what others do in this process does not count."""

    wall = staticmethod(time.perf_counter_ns)
    cpu = staticmethod(time.thread_time_ns)

    @staticmethod
    def switches() -> int:
        """Involuntary context switches of the calling thread."""
        return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw


class ProcessClock:
    """Time of all threads of the process, for runtimes that compute in a pool."""

    wall = staticmethod(time.perf_counter_ns)
    cpu = staticmethod(time.process_time_ns)

    @staticmethod
    def switches() -> int:
        """Involuntary context switches of all threads."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def repeat(work: Callable[[], None], inner: int, clock: Clock) -> Repetition:
    """Run `work` `inner` times between two readings of the clocks, the wall clock innermost."""
    switches, cpu, wall = clock.switches(), clock.cpu(), clock.wall()
    for _ in range(inner):
        work()
    wall, cpu, switches = clock.wall() - wall, clock.cpu() - cpu, clock.switches() - switches
    return Repetition(wall, cpu, switches)
