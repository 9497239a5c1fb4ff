"""A library of TVM without dlas: it needs TVM's runtime, and the processor that it was compiled for."""

import shutil
from pathlib import Path

from dlas.artifacts import Artifact
from dlas.host import Place
from dlas.layers.codegen.deploying import Deployment
from dlas.layers.codegen.tvm.runner import LIBRARY

_CODE = """\
import tvm
from tvm.runtime.vm import VirtualMachine

main = VirtualMachine(tvm.runtime.load_module(str(HERE / "network.so")), tvm.cpu())["main"]


def infer(images):
    return main(tvm.runtime.tensor(images)).numpy()
"""


def deploy(executable: Artifact, place: Place, out: Path) -> Deployment:
    """Copy the library."""
    shutil.copyfile(executable.file(LIBRARY), out / "network.so")
    # TVM reads these when it is imported.
    environment = {"TVM_USE_RUNTIME_LIB": "1", "TVM_NUM_THREADS": str(place.threads)}
    return Deployment(_CODE, {"environment": environment}, ("numpy", "apache-tvm", "apache-tvm-ffi"))
