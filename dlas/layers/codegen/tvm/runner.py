"""A loaded executable: the shared library in TVM's virtual machine, nothing of the compiler."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dlas.artifacts import Artifact
from dlas.data import Images
from dlas.host import Place
from dlas.layers.codegen import Evidence, Kernel
from dlas.network import Logits

_SPINS = 2000  # about a millisecond
LIBRARY = "network.so"
KERNELS = "kernels.json"


class VirtualMachineRunner:
    """One function of the library, called as it is."""

    def __init__(self, executable: Artifact, place: Place, function: str) -> None:
        """Load the library into this process, whose pool must not be started yet."""
        # TVM reads these when it is imported and when its pool starts.
        os.environ.setdefault("TVM_USE_RUNTIME_LIB", "1")
        os.environ["TVM_NUM_THREADS"] = str(place.threads)
        os.environ["TVM_BIND_THREADS"] = "0"  # a measuring child places its threads itself
        # Beyond the pauses between kernels idle threads shall sleep: yielding for ever starves on a busy machine.
        os.environ["TVM_THREAD_POOL_SPIN_COUNT"] = str(_SPINS)
        with _hidden("torch"):  # TVM imports it if it can, for nothing that is used here, and takes four times as long
            import tvm
            from tvm.runtime.vm import VirtualMachine

        self._before = _tasks()
        self._kernels = executable.file(KERNELS)
        self.machine = VirtualMachine(tvm.runtime.load_module(str(executable.file(LIBRARY))), tvm.cpu())
        self._call = self.machine[function]
        self._tensor = tvm.runtime.tensor

    def feed(self, images: Images) -> None:
        """Copy the batch into a tensor of the runtime's own."""
        self.fed = self._tensor(np.ascontiguousarray(images))

    def infer(self) -> None:
        """One call."""
        self._output = self._call(self.fed)

    def output(self) -> Logits:
        """Logits of the last call."""
        logits: Logits = self._output.numpy()
        return logits

    def evidence(self) -> Evidence:
        """The kernels that were linked, and this thread with those that the pool started for the calls until now."""
        compiled = json.loads(Path(self._kernels).read_text(encoding="utf-8"))
        threads = 1 + len(_tasks() - self._before)
        return Evidence(tuple(Kernel(**kernel) for kernel in compiled["kernels"]), threads, compiled["isa"])


@contextmanager
def _hidden(package: str) -> Iterator[None]:
    """Meanwhile a package that is not imported yet cannot be."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]  # what import takes for a package that is not there
    try:
        yield
    finally:
        del sys.modules[package]


def _tasks() -> set[str]:
    """The threads of this process, as the kernel lists them."""
    return {task.name for task in Path("/proc/self/task").iterdir()}
