"""A loaded executable: the shared library in TVM's virtual machine, nothing of the compiler."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from dlas.artifacts import Artifact
from dlas.data import Images
from dlas.host import Place
from dlas.layers.codegen import Evidence, Kernel
from dlas.network import Logits

LIBRARY = "network.so"
KERNELS = "kernels.json"


class VirtualMachineRunner:
    """One function of the library, called as it is."""

    def __init__(self, executable: Artifact, place: Place, function: str) -> None:
        """Load the library into this process, whose pool must not be started yet."""
        # TVM reads these when it is imported and when its pool starts.
        os.environ.setdefault("TVM_USE_RUNTIME_LIB", "1")
        os.environ["TVM_NUM_THREADS"] = str(place.threads)
        os.environ["TVM_BIND_THREADS"] = "0"  # the child is pinned as a whole already
        import tvm
        from tvm.runtime.vm import VirtualMachine

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
        """The kernels that were linked, and the threads of the pool."""
        compiled = json.loads(Path(self._kernels).read_text(encoding="utf-8"))
        return Evidence(tuple(Kernel(**kernel) for kernel in compiled["kernels"]), _threads(), compiled["isa"])


def _threads() -> int:
    import tvm

    threads: Any = tvm.get_global_func("runtime.NumThreads")()
    return int(threads)
