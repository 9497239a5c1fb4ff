"""An executable on a device that TVM's RPC reaches."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from dlas.artifacts import Artifact
from dlas.data import Images
from dlas.errors import Inapplicable
from dlas.host import Place
from dlas.layers.codegen import Evidence, Kernel
from dlas.layers.codegen.tvm.runner import KERNELS, LIBRARY
from dlas.network import Logits


class RemoteRunner:
    """One function of the library, uploaded and called from here: `infer` returns when the device has finished."""

    def __init__(self, executable: Artifact, place: Place, function: str) -> None:
        """Upload and load the library; raises Inapplicable where no server is free."""
        os.environ.setdefault("TVM_USE_RUNTIME_LIB", "1")
        from tvm.runtime.vm import VirtualMachine

        self._session = _session(place.address)
        # Its pool is started with so many threads, whatever the server's environment says.
        self._session.get_function("runtime.config_threadpool")(_ANY_CORE, place.threads)
        self._kernels = executable.file(KERNELS)
        self._device = self._session.cpu()
        self._machine = VirtualMachine(_library(place.address, executable.file(LIBRARY)), self._device)
        self._function = function

    def feed(self, images: Images) -> None:
        """Send the batch."""
        import tvm

        batch = tvm.runtime.tensor(np.ascontiguousarray(images), self._device)
        self._machine.set_input(self._function, batch)

    def infer(self) -> None:
        """One call there."""
        self._machine.invoke_stateful(self._function)

    def output(self) -> Logits:
        """Fetch the logits of the last call."""
        logits: Logits = self._machine.get_outputs(self._function).numpy()
        return logits

    def evidence(self) -> Evidence:
        """The kernels that were linked, and how many threads the device's pool says it has."""
        compiled = json.loads(self._kernels.read_text(encoding="utf-8"))
        threads = int(self._session.get_function("runtime.NumThreads")())
        return Evidence(tuple(Kernel(**kernel) for kernel in compiled["kernels"]), threads, compiled["isa"])


_ANY_CORE = 0  # of TVM's affinity modes


@cache
def _session(address: str) -> Any:
    """One session for a process: a server has one at a time."""
    from tvm import rpc

    tracker, _, key = address.rpartition("/")
    host, _, port = tracker.rpartition(":")
    try:
        return rpc.connect_tracker(host, int(port)).request(key, session_timeout=_LONGEST)
    except (OSError, RuntimeError) as problem:
        raise Inapplicable(
            f"no server of {key} is free at {tracker} ({type(problem).__name__}); "
            f"start one there: python -m tvm.exec.rpc_server --tracker={tracker} --key={key}"
        ) from problem


_LONGEST = 3600  # s that a server is lent for


@cache
def _library(address: str, path: Path) -> Any:
    """Uploaded once: a file that is in use must not change."""
    session, name = _session(address), f"{path.parent.name}.so"
    session.upload(str(path), target=name)
    return session.load_module(name)
