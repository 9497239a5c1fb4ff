"""Having candidates tried by a child: whatever one does to it, the next one finds a fresh one."""

import shutil
import sys
import time
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

from dlas.errors import BuildFailed
from dlas.layers.codegen.tvm.tuning.generic import Proposer
from dlas.layers.codegen.tvm.tuning.tasks import Kernel
from dlas.process import Child, Died, Message, TooSlow, environment
from dlas.records import OK

COMMAND = (sys.executable, "-m", "dlas.measure.trial")
TIMEOUT = 120.0  # s of one trial, the compiler's time included
WRONG = 1e-4  # relative to the default's largest output; what float32 is held to


@dataclass(frozen=True)
class Outcome:
    """How a trial ended; see `dlas.records.Record`."""

    status: str
    seconds: float = 0.0
    ratio: float = 0.0
    cost: float = 0.0
    reason: str = ""


class Bench:
    """One child at a time; `work` is a folder for what it is given."""

    def __init__(self, isa: str, work: Path, timeout: float = TIMEOUT, command: tuple[str, ...] = COMMAND) -> None:
        self._isa = isa
        self._work = work
        self._timeout = timeout
        self._command = command
        self._child: Child | None = None

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def attempt(self, task: str, default: Kernel, candidate: Kernel) -> Outcome:
        """Compile a candidate and time it beside the default of its task; beside itself where it is the default."""
        folders = [self._work / task / name for name in ("default", "candidate")]
        if not folders[0].exists():
            default.save(folders[0])
        if candidate is default:
            folders[1] = folders[0]
        else:
            shutil.rmtree(folders[1], ignore_errors=True)
            candidate.save(folders[1])
        begin = time.monotonic()
        outcome = self._ask({"do": "try", "isa": self._isa, "default": str(folders[0]), "candidate": str(folders[1])})
        return Outcome(outcome.status, outcome.seconds, outcome.ratio, time.monotonic() - begin, outcome.reason)

    def proposer(self, task: str, kernel: Kernel, trials: int) -> AbstractContextManager[Proposer]:
        """MetaSchedule's search of a kernel; it ends with the block of code."""
        folder = self._work / task / "default"
        if not folder.exists():
            kernel.save(folder)
        return closing(Proposer(folder, self._isa, trials))

    def duel(self, default: Path, tuned: Path, shape: list[int]) -> Outcome:
        """Time a tuned library beside that of the default schedules."""
        return self._ask({"do": "duel", "libraries": [str(default), str(tuned)], "shape": shape})

    def _ask(self, request: Message) -> Outcome:
        try:
            self._child = self._child or Child(self._command, environment(1))
            answer = self._child.ask(request, self._timeout)
        except Died as problem:
            return self._lost("crashed", problem)
        except TooSlow as problem:
            return self._lost("timeout", problem)
        except BuildFailed as problem:
            return Outcome("refused", reason=str(problem))
        if answer.get("off", 0.0) > WRONG:
            return Outcome("wrong", reason=f"relative error {answer['off']:.2g} against the default")
        return Outcome(OK, answer["seconds"], answer["ratio"])

    def _lost(self, status: str, problem: BuildFailed) -> Outcome:
        self._end()
        return Outcome(status, reason=str(problem))

    def _end(self) -> None:
        if self._child:
            self._child.close()
        self._child = None
