"""What lies around a measurement and may disturb it: governor, core siblings, the container's limits, load."""

import os
from dataclasses import dataclass
from pathlib import Path

from dlas import process
from dlas.host import control_groups, memory_limit, quota, read_word

CPUS = Path("/sys/devices/system/cpu")

_UNITS = {"throttled_usec": 1e-6, "throttled_time": 1e-9}  # s; version 2, version 1


@dataclass(frozen=True)
class Throttling:
    """How often the container's quota stopped its processes since it began, and for how many seconds in all."""

    times: int
    seconds: float


@dataclass(frozen=True)
class Surroundings:
    """Facts of one moment.

    `siblings` are the processors that share a core with the one measured on, itself included; `processors` are those
    of the whole machine, which the load averages (1, 5, 15 minutes) count; `quota` is in cores, `memory_limit` in
    bytes, None without one; `outranks` says whether measuring children come before all other processes.
    """

    governor: str | None
    siblings: tuple[int, ...]
    processors: int
    quota: float | None
    memory_limit: int | None
    throttling: Throttling
    outranks: bool
    load: tuple[float, float, float]

    @property
    def load_per_processor(self) -> float:
        """Load average of the last minute over the machine's processors."""
        return self.load[0] / self.processors


def read(cpu: int) -> Surroundings:
    """The surroundings of a measurement on that processor."""
    return Surroundings(
        governor=read_word(CPUS / f"cpu{cpu}" / "cpufreq" / "scaling_governor") or None,
        siblings=_listed(read_word(CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list")) or (cpu,),
        processors=os.cpu_count() or 1,
        quota=quota(),
        memory_limit=min(filter(None, map(memory_limit, control_groups("memory"))), default=None),
        throttling=throttling(),
        outranks=process.may_outrank(),
        load=os.getloadavg(),
    )


def throttling() -> Throttling:
    """The most that any control group around this process counted."""
    counted = (_throttling(folder) for folder in control_groups("cpu"))
    return max(counted, key=lambda found: (found.times, found.seconds), default=Throttling(0, 0.0))


def _throttling(folder: Path) -> Throttling:
    pairs = (line.split() for line in read_word(folder / "cpu.stat").splitlines())
    counts = {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}
    seconds = sum(counts.get(name, 0) * unit for name, unit in _UNITS.items())
    return Throttling(counts.get("nr_throttled", 0), seconds)


def _listed(text: str) -> tuple[int, ...]:
    """Processors of a kernel's list: `0,64` or `2-3`."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)
