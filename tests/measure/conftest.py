"""A clock that only moves when somebody works."""

import pytest


class FakeClock:
    """Counts nanoseconds; `work` is an inference that takes as long as it is told to."""

    def __init__(self):
        self.walls = self.cpus = self.interruptions = 0
        self.read = []

    def wall(self):
        self.read.append("wall")
        return self.walls

    def cpu(self):
        self.read.append("cpu")
        return self.cpus

    def switches(self):
        self.read.append("switches")
        return self.interruptions

    def passes(self, wall, cpu=None, switches=0):
        """Let so many seconds pass; processor time is the wall's unless said."""
        self.walls += round(wall * 1e9)
        self.cpus += round((wall if cpu is None else cpu) * 1e9)
        self.interruptions += switches

    def work(self, wall, cpu=None, switches=0):
        """A function that takes that long each time; `wall` may be a function of the call's number."""
        calls = iter(range(10**9))

        def infer():
            number = next(calls)
            self.passes(wall(number) if callable(wall) else wall, cpu, switches)

        return infer


@pytest.fixture
def clock():
    return FakeClock()
