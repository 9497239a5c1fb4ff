"""A child for test_process.py: each request names what it is to do."""

import atexit
import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from dlas import process
from dlas.errors import DataError, Inapplicable
from dlas.host import memory_left

ERRORS = {"DataError": DataError, "Inapplicable": Inapplicable, "ValueError": ValueError, "OSError": OSError}


def progress(request, report):
    for step in range(request["steps"]):
        report({"step": step})
    return {"done": True}


def chatter(request, report):
    print("from Python")
    ctypes.CDLL(None).puts(b"from C")
    ctypes.CDLL(None).fflush(None)
    subprocess.run(["echo", "from a program"], check=True)
    return {"done": True}


def fail(request, report):
    raise ERRORS[request["kind"]](request["message"])


def crash(request, report):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print("about to fall", file=sys.stderr, flush=True)
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)


def leave(request, report):
    sys.exit(request["message"])


def hang(request, report):
    report({"hanging": True})
    time.sleep(600)


def eat(request, report):
    """Ask for a share of all the memory that is left, without touching any of it."""
    return {"bytes": np.empty(int(memory_left() * request["share"]), np.uint8).nbytes}


def tell(request, report):
    return {"cpus": sorted(os.sched_getaffinity(0)), "environment": dict(os.environ), "nothing": None, **request}


def register(request, report):
    """Something to be done at the exit, and something that would hold a teardown up for long."""
    atexit.register(Path(request["file"]).write_text, "done")
    slow.append(Slow())
    return {"done": True}


class Slow:
    def __del__(self):
        time.sleep(600)


slow = []

DEEDS = (progress, chatter, fail, crash, leave, hang, eat, tell, register)

if __name__ == "__main__":
    process.serve(lambda request, report: {d.__name__: d for d in DEEDS}[request["do"]](request, report))
