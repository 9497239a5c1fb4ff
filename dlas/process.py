"""Child processes that speak JSON lines: whatever can crash, hang or eat memory runs in one."""

import atexit
import ctypes
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, NoReturn

from dlas import errors
from dlas.errors import BuildFailed, DlasError
from dlas.host import memory_left

Message = dict[str, Any]
Report = Callable[[Message], None]

# Nobody asked these packages to tell anyone how they are used.
QUIET = {"CI": "true", "NNCF_CI": "1", "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "ORT_DISABLE_TELEMETRY": "1"}
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TVM_NUM_THREADS")

HIGHEST = -20  # niceness

_MEMORY_SHARE = 0.8
_LAST_WORDS = 300
_PR_SET_PDEATHSIG = 1


class Died(BuildFailed):
    """The child ended without an answer."""


class TooSlow(BuildFailed):
    """The child did not answer in time and was killed."""


def environment(threads: int) -> dict[str, str]:
    """This process's environment with telemetry off and every pool limited to so many threads."""
    return {**os.environ, **QUIET, **dict.fromkeys(THREADS, str(threads))}


def outrank(pid: int) -> bool:
    """Put a process before all others where this one may, so that they interrupt it less; returns whether it did."""
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, pid, HIGHEST)
    return os.getpriority(os.PRIO_PROCESS, pid) == HIGHEST


def may_outrank() -> bool:
    """Whether the processes that this one starts can be put before all others."""
    own = os.getpriority(os.PRIO_PROCESS, os.getpid())
    found = outrank(os.getpid())
    os.setpriority(os.PRIO_PROCESS, os.getpid(), own)
    return found


# --- the parent's side ------------------------------------------------------------------------------------------


class Child:
    """A running child; `ask` sends one request and blocks until its answer."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], cpus: Sequence[int] = ()) -> None:
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self._process = subprocess.Popen(
            argv, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words
        )
        self._buffer = b""
        limit = _memory_limit()
        # The child cannot outrun these: it waits for its first request before it imports anything heavy.
        resource.prlimit(self._process.pid, resource.RLIMIT_DATA, (limit, limit))
        if cpus:
            os.sched_setaffinity(self._process.pid, cpus)
            outrank(self._process.pid)

    @property
    def pid(self) -> int:
        """The child's process number."""
        return self._process.pid

    def ask(self, request: Message, timeout: float, report: Report | None = None) -> Message:
        """The child's answer; raises what the child reported, `Died` or `TooSlow` (the child is gone then)."""
        deadline = time.monotonic() + timeout
        self._send(request)
        while True:
            message = self._receive(deadline, timeout)
            if "progress" in message:
                if report:
                    report(message["progress"])
            elif "error" in message:
                raise revive(message["error"])
            else:
                return message

    def close(self) -> None:
        """End the child; kill it if it does not go."""
        with suppress(BrokenPipeError):  # what a dead child did not take
            self._stream(self._process.stdin).close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.kill()
        self._stream(self._process.stdout).close()
        self._words.close()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, request: Message) -> None:
        pipe = self._stream(self._process.stdin)
        try:
            pipe.write(json.dumps(request).encode() + b"\n")
            pipe.flush()
        except BrokenPipeError:
            raise Died(self._epitaph()) from None

    def _receive(self, deadline: float, timeout: float) -> Message:
        pipe = self._stream(self._process.stdout)
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self.kill()
                    raise TooSlow(f"no answer within {timeout:.0f} s")
                chunk = os.read(pipe.fileno(), 1 << 16)
                if not chunk:
                    raise Died(self._epitaph())
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: Message = json.loads(line)
        return answer

    def _epitaph(self) -> str:
        """How the child ended, and its last words."""
        code = self._process.wait()
        how = f"exited with code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
        self._words.seek(0)
        lines = [line for line in self._words.read().decode(errors="replace").splitlines() if line.strip()]
        return f"its process {how}" + (f": {lines[-1].strip()[:_LAST_WORDS]}" if lines else "")

    def kill(self) -> None:
        """End the child at once."""
        self._process.kill()
        self._process.wait()

    @staticmethod
    def _stream(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe


def _memory_limit() -> int:
    """Bytes that a child may take: most of what is left now, and no more than this process itself may."""
    most = int(memory_left() * _MEMORY_SHARE)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    return most if hard == resource.RLIM_INFINITY else min(most, hard)


def revive(error: Message) -> DlasError:
    """The error that `describe` put into a message."""
    known = {**vars(errors), "Died": Died, "TooSlow": TooSlow}
    kind = known.get(error["kind"], BuildFailed)
    revived: DlasError = kind(error["message"])
    return revived


def describe(problem: DlasError) -> Message:
    """An error as a message."""
    return {"kind": type(problem).__name__, "message": str(problem)}


# --- the child's side -------------------------------------------------------------------------------------------


def serve(answer: Callable[[Message, Report], Message]) -> NoReturn:
    """Answer requests on standard input until it closes, then end at once; libraries print to standard error.

    What was registered for the exit is still done; the interpreter is not torn down, which takes runtimes seconds.
    """
    _die_with_parent()
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(message: Message) -> None:
        channel.write(json.dumps(message) + "\n")
        channel.flush()

    for request in _requests():
        try:
            say(answer(request, lambda progress: say({"progress": progress})))
        except DlasError as problem:
            say({"error": describe(problem)})
        except MemoryError:
            say({"error": {"kind": "BuildFailed", "message": "out of memory"}})
        except Exception as problem:  # noqa: BLE001 - a child hands over whatever failed in it
            say({"error": {"kind": "BuildFailed", "message": f"{type(problem).__name__}: {_first_line(problem)}"}})
    atexit._run_exitfuncs()
    os._exit(0)


def _requests() -> Iterator[Message]:
    for line in sys.stdin:
        yield json.loads(line)


def _first_line(problem: Exception) -> str:
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return lines[0][:_LAST_WORDS] if lines else "no message"


def _die_with_parent() -> None:
    """The kernel kills this process when the thread that started it ends, however it ends."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if os.getppid() != parent:
        os._exit(1)
