"""Who builds and who measures for a study: children of this process, unless a cluster of others does it."""

import platform
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from dlas import fingerprint, interpreter
from dlas.artifacts import Store
from dlas.errors import StudyError
from dlas.host import Host
from dlas.layers.hardware.cpu import Cpu
from dlas.measure import noise, peak
from dlas.measure.lock import measuring_lock
from dlas.measure.noise import Glance
from dlas.measure.peak import Peak
from dlas.process import Child, Died, Message, Report, environment
from dlas.realise import Step, as_message
from dlas.study.timing import Notes, Order, Timed, time_cells

PACKAGES = (
    *("dlas", "numpy", "scikit-learn", "pillow", "torch", "torchvision", "timm", "torch-pruning", "nncf"),
    *("onnx", "onnxscript", "onnxruntime", "openvino", "apache-tvm", "apache-tvm-ffi"),
)
# Builds keep what glibc's malloc freed: training otherwise gives memory back and faults it in anew at every step.
KEPT = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**32)}
TRIES = 2  # a child that somebody killed is started once more


class Unserved(StudyError):
    """Nobody measures any more, or builds, where a study asks for it."""


class Maker(Protocol):
    """Who does build steps; `make` is called from as many threads as steps are to be done at a time."""

    def make(self, step: Step, timeout: float, report: Report) -> None:
        """Do a step whose inputs are in the store, so that its artifact is; raises what the step raises."""

    def stop(self) -> None:
        """Let go of everything at once."""


class Bench(Protocol):
    """Who times cells, on one host."""

    def alone(self) -> AbstractContextManager[None]:
        """Held while the cells of a block are chosen and timed: studies that share the host take turns."""

    def glance(self) -> Glance:
        """How noisy it is there now; raises Unserved."""

    def peak(self) -> Peak:
        """What one thread can reach there; raises Unserved."""

    def time(self, order: Order, notes: Notes) -> list[Timed]:
        """Time one set of fresh processes there; raises Unserved."""


class Crew(Protocol):
    """A maker for so many steps at a time, and a bench for each host.

    `hosts` are those of the names that a study asks for, `absent` says of the other names why there is none.
    """

    @property
    def hosts(self) -> Mapping[str, Host]:
        """Name → host."""

    @property
    def absent(self) -> Mapping[str, str]:
        """Name → reason."""

    @property
    def threads(self) -> int:
        """Steps that can be built at a time."""

    def maker(self, store: Store, timed_at: Mapping[str, str]) -> Maker:
        """Who builds into that store; steps that time candidates do so on the host of that name, by key."""

    def bench(self, name: str, store: Store) -> Bench:
        """Who measures on the host of that name what lies in the store."""

    def environment(self, name: str) -> Mapping[str, Any]:
        """Software of that host, for the record."""

    def stop(self) -> None:
        """Let go of everything at once."""


# --- this process and its children ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Alone:
    """Nobody but this host."""

    here: Host
    hosts: Mapping[str, Host] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def threads(self) -> int:
        """Those of this host."""
        return self.here.usable_threads

    def maker(self, store: Store, timed_at: Mapping[str, str]) -> Maker:
        """Children of this process."""
        return Children(store)

    def bench(self, name: str, store: Store) -> Bench:
        """This host."""
        return Here(store, self.here)

    def environment(self, name: str) -> Mapping[str, Any]:
        """What this process runs with."""
        return own_environment()

    def stop(self) -> None:
        """Nothing runs elsewhere."""


def own_environment() -> dict[str, Any]:
    """Versions of what this process runs with."""
    return {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "packages": {name: version for name in PACKAGES if (version := fingerprint.package_version(name))},
    }


@dataclass(frozen=True)
class Here:
    """This host as a bench."""

    store: Store
    host: Host

    def alone(self) -> AbstractContextManager[None]:
        """The host's measuring lock."""
        return measuring_lock()

    def glance(self) -> Glance:
        """Look, alone."""
        with measuring_lock():
            return noise.glance(Cpu().start(self.host))

    def peak(self) -> Peak:
        """Measure, alone."""
        with measuring_lock():
            return peak.of_host(self.host)

    def time(self, order: Order, notes: Notes) -> list[Timed]:
        """Time in children of this process."""
        return time_cells(order, self.store, self.host, notes)


class Children:
    """Does each step in a child process of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changing = threading.Lock()
        self._running: set[Child] = set()
        self._stopping = False

    def make(self, step: Step, timeout: float, report: Report) -> None:
        """Do a step, an exclusive one under the measuring lock; a child that somebody killed is started once more."""
        with measuring_lock(lambda: self._stopping) if step.exclusive else nullcontext():
            self._make(step, timeout, report)

    def _make(self, step: Step, timeout: float, report: Report) -> None:
        request: Message = {"store": str(self._store.root), "step": as_message(step)}
        for left in reversed(range(TRIES)):
            try:
                with self._child(step.python) as child:
                    child.ask(request, timeout, report)
            except Died:
                if not left or self._stopping:
                    raise
            else:
                return

    def stop(self) -> None:
        """Kill the children, so that an interrupt is not kept waiting by them."""
        with self._changing:
            self._stopping = True
            for child in self._running:
                child.kill()

    @contextmanager
    def _child(self, python: str) -> Iterator[Child]:
        argv = interpreter.command((sys.executable, "-m", "dlas.realise"), python)
        with Child(argv, environment(threads=1) | KEPT) as child:
            with self._changing:
                self._running.add(child)
                if self._stopping:
                    child.kill()
            try:
                yield child
            finally:
                with self._changing:
                    self._running.discard(child)
