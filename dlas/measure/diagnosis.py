"""All that `dlas doctor` tells about a host, gathered; what to make of it is `advice`'s."""

from collections.abc import Callable
from dataclasses import dataclass

from dlas.host import Host, probe
from dlas.layers.hardware.cpu import Cpu
from dlas.measure import noise, peak, runtimes, surroundings
from dlas.measure.lock import measuring_lock
from dlas.measure.noise import Noise
from dlas.measure.peak import Peak
from dlas.measure.runtimes import Runtime
from dlas.measure.surroundings import Surroundings


@dataclass(frozen=True)
class Effort:
    """Seconds a cell and fresh processes of the A/A run, and seconds for each peak."""

    seconds: float
    processes: int
    peak: float

    @property
    def stages(self) -> int:
        """How often `diagnose` tells what it does."""
        return self.processes + 3


THOROUGH = Effort(seconds=3.0, processes=3, peak=1.0)  # what a cell has by default
QUICK = Effort(seconds=0.6, processes=2, peak=0.2)


@dataclass(frozen=True)
class Diagnosis:
    """A host and how well it measures; `throttled` are the times that its quota stopped the diagnosis itself."""

    host: Host
    cpu: int
    surroundings: Surroundings
    runtimes: tuple[Runtime, ...]
    noise: Noise
    peak: Peak
    throttled: int


def diagnose(effort: Effort, tell: Callable[[str], None] = lambda _: None) -> Diagnosis:
    """Look, ask, and measure where and how cells are measured; raises BuildFailed if a child does not run."""
    host = probe()
    command = Cpu().start(host)
    around = surroundings.read(command.cpus[0])  # first: what follows is load
    tell("asking the runtimes for one thread")
    asked = runtimes.ask_all()
    tell("waiting for the host's measuring lock")
    with measuring_lock():
        before = surroundings.throttling().times
        found = noise.measure(command, effort.seconds, effort.processes, tell)
        tell("peak arithmetic and memory bandwidth of one thread")
        reached = peak.measure(command, host.caches, effort.peak)
        throttled = surroundings.throttling().times - before
    return Diagnosis(host, command.cpus[0], around, asked, found, reached, throttled)
