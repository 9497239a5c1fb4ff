"""Building the artifacts of a study: each step once, after its inputs, several at a time."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from dlas.artifacts import Store
from dlas.errors import BuildFailed, Inapplicable, OptionError
from dlas.process import Message, TooSlow
from dlas.realise import Step
from dlas.study.crew import Children, Maker
from dlas.study.forecast import Forecast
from dlas.study.progress import Listen, Progress


@dataclass(frozen=True)
class Failure:
    """Why a step has no artifact, and the status that this gives to the cells that need it."""

    status: str
    reason: str


class Builder:
    """Has so many steps done at a time, by children unless a maker is given; each may take `timeout` seconds."""

    def __init__(self, store: Store, jobs: int, timeout: float, listen: Listen, maker: Maker | None = None) -> None:
        self._store = store
        self._maker = maker or Children(store)
        self._jobs = jobs
        self._timeout = timeout
        self._listen = listen
        self._telling = threading.Lock()

    def build(self, steps: Sequence[Step]) -> dict[str, Failure]:
        """Build what is not there; returns the failures by key of the step. Raises StoreError and DataError."""
        self._failures: dict[str, Failure] = {}
        self._start = time.monotonic()
        waiting = {step.key: step for step in steps if self._store.get(step.key) is None}
        self._total, self._done = len(waiting), 0
        self._forecast = Forecast(_kind(step) for step in waiting.values())
        self._parts: dict[str, tuple[str, float]] = {}
        running: dict[Future[float], Step] = {}
        with ThreadPoolExecutor(self._jobs) as pool:
            try:
                while waiting or running:
                    for step in self._ready(waiting, running):
                        running[pool.submit(self._do, step)] = waiting.pop(step.key)
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        self._finish(future, running.pop(future))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self._maker.stop()
                raise
        return self._failures

    def _ready(self, waiting: dict[str, Step], running: dict[Future[float], Step]) -> list[Step]:
        """Steps whose inputs are there and that may run beside what runs; those whose inputs failed fail with them."""
        for key, step in list(waiting.items()):
            broken = next((self._failures[i] for i in step.inputs if i in self._failures), None)
            if broken:
                self._failures[key] = broken
                del waiting[key]
                self._forecast.dropped(_kind(step))
                self._done += 1
        unfinished = waiting.keys() | {step.key for step in running.values()}
        ready = [step for step in waiting.values() if unfinished.isdisjoint(step.inputs)]
        if any(step.exclusive for step in running.values()):
            return []
        shared = [step for step in ready if not step.exclusive]
        return shared or ([] if running else ready[:1])  # a step that times candidates runs alone, after the others

    def _finish(self, future: Future[float], step: Step) -> None:
        try:
            with self._telling:
                self._forecast.ended(_kind(step), future.result())
        except (Inapplicable, OptionError) as problem:
            self._failures[step.key] = Failure("inapplicable", str(problem))
        except TooSlow as problem:
            self._failures[step.key] = Failure("timeout", f"building {step.option}: {problem}")
        except BuildFailed as problem:
            self._failures[step.key] = Failure("failed", f"building {step.option}: {problem}")
        if step.key in self._failures:
            self._forecast.dropped(_kind(step))
        self._done += 1
        self._parts.pop(step.key, None)
        self._tell(f"{step.layer} {step.option}" + (" failed" if step.key in self._failures else " is there"))

    def _do(self, step: Step) -> float:
        """Have a step done; the seconds that it took."""
        self._tell(f"{step.layer} {step.option}")
        start = time.monotonic()
        self._maker.make(step, self._timeout, lambda progress: self._relay(step, progress))
        return time.monotonic() - start

    def _relay(self, step: Step, progress: Message) -> None:
        if "of" not in progress:
            self._tell(f"{step.layer} {step.option}: {progress['doing']}")
            return
        self._parts[step.key] = _kind(step), progress["done"] / progress["of"]
        accuracy = f", accuracy {progress['accuracy']:.1%}" if "accuracy" in progress else ""
        self._tell(f"{step.layer} {step.option}: {progress['done']}/{progress['of']} {progress['unit']}{accuracy}")

    def _tell(self, what: str) -> None:
        with self._telling:
            left = self._forecast.left(time.monotonic() - self._start, list(self._parts.values()))
            self._listen(Progress("build", self._done, self._total, what, left))


def _kind(step: Step) -> str:
    """What steps have in common that take alike, as `compression ternary`."""
    return f"{step.layer} {step.option.partition('@')[0]}"
