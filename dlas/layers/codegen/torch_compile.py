"""PyTorch, compiled: TorchInductor ahead of time (AOTInductor), weights frozen and packed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dlas import network as networks
from dlas.artifacts import Artifact
from dlas.data import Images
from dlas.errors import BuildFailed
from dlas.host import Place, Target
from dlas.layers.codegen import PYTHON, Evidence, Lowering, onednn, widest_isa
from dlas.network import Logits
from dlas.option import parameter

if TYPE_CHECKING:
    import torch

    from dlas.host import Host
    from dlas.stack import Stack

PACKAGE, IDLE = "network.pt2", "idle.pt2"
_COMPILER, _CHOSEN = "g++", "CXX"  # what Inductor calls, and the variable that names another
_ANSWER = 60.0  # s that a compiler may take to tell its version
# Instruction set → processor that the compiler is told, and bits of a vector in Inductor's own loops.
_MACHINES = {
    "avx2": ("haswell", 256),
    "avx512": ("skylake-avx512", 512),
    "avx512-vnni": ("cascadelake", 512),
    "amx": ("sapphirerapids", 512),
}
_CEILINGS: Mapping[str, Mapping[str, str]] = {
    "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "avx512": {
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
        "MKL_ENABLE_INSTRUCTIONS": "AVX512",
        "ATEN_CPU_CAPABILITY": "avx512",
    },
}


@dataclass(frozen=True)
class TorchCompile:
    """TorchInductor ahead of time, channels last, weights frozen; float32."""

    name: ClassVar = "torch-compile"
    suggested: ClassVar[tuple[str, ...]] = ()  # a minute of C++ compiler is nobody's surprise
    packages: ClassVar = ("torch",)
    dialect: ClassVar = "torch"
    devices: ClassVar = ("cpu",)
    precisions: ClassVar = ("float32",)
    takes_module: ClassVar = True
    depends_on: ClassVar = ("isa", "threads")
    ceilings: ClassVar = _CEILINGS

    python: str = parameter(PYTHON, "", locator=True)

    def ingredients(self) -> dict[str, Any]:
        """The compiler of the loops, which torch's version does not tell."""
        return {"compiler": _version(_compiler())}

    def needs(self, stack: "Stack", host: "Host") -> str | None:
        """A C++ compiler, and an instruction set that code is written for."""
        if not _compiler():
            return f"codegen torch-compile: nothing here compiles C++; install g++, or name a compiler in ${_CHOSEN}"
        return None if host.isas else "codegen torch-compile: this processor has no instruction set that it writes for"

    def compile(self, network: Artifact, lowering: Lowering | None, target: Target, out: Path) -> dict[str, Any]:
        """Export the module with its batch, compile it and a module that gives back its input."""
        # Read when torch is imported: packed weights have the layout that the widest allowed kernels want.
        os.environ.update(_CEILINGS.get(target.isa, {}))
        import torch
        from torch import nn

        torch.set_num_threads(target.threads)
        module = networks.rebuild(network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        image = torch.zeros(target.batch, *network.facts["shape"]).contiguous(memory_format=torch.channels_last)
        with tempfile.TemporaryDirectory() as cache:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
            _package(module, image, target, out / PACKAGE)
            _package(nn.Identity(), image, target, out / IDLE)
        return {"weights_size": sum(value.nbytes for value in module.state_dict().values())}

    def load(self, executable: Artifact, place: Place) -> "_Runner":
        """Load the package by the runtime's own loader; nothing of Python is in it."""
        return _Runner(executable.file(PACKAGE), place)

    def idle(self, executable: Artifact, place: Place) -> "_Runner":
        """The package beside the network's that gives back its input."""
        return _Runner(executable.file(IDLE), place)


def _compiler() -> str:
    """Path of the C++ compiler that Inductor calls; empty without one."""
    return shutil.which(os.environ.get(_CHOSEN, _COMPILER)) or ""


@cache
def _version(compiler: str) -> str:
    """What a compiler calls itself, the first line of it; empty where it does not say."""
    if not compiler:
        return ""
    try:
        asked = subprocess.run([compiler, "--version"], capture_output=True, timeout=_ANSWER, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""  # building will tell what is wrong with it
    return asked.stdout.partition(b"\n")[0].decode(errors="replace")


def _package(module: "torch.nn.Module", image: "torch.Tensor", target: Target, out: Path) -> None:
    import torch
    from torch import _inductor

    processor, bits = _MACHINES[target.isa]
    settings = {
        "freezing": True,
        "compile_threads": 1,
        "cpp.march": processor,
        "cpp.simdlen": bits,
        "cpp.threads": target.threads,
    }
    with torch.no_grad():
        program = torch.export.export(module, (image,))
        _inductor.aoti_compile_and_package(program, package_path=str(out), inductor_configs=settings)


class _Runner:
    def __init__(self, package: Path, place: Place) -> None:
        import torch
        from torch import _inductor

        torch.set_num_threads(place.threads)
        # The model's own call parses its signature again each time; its loader takes tensors as they are.
        self._run = _inductor.aoti_load_package(str(package)).loader.run

    def feed(self, images: Images) -> None:
        import torch

        self._input = [torch.from_numpy(images).contiguous(memory_format=torch.channels_last)]

    def infer(self) -> None:
        (self._output,) = self._run(self._input)

    def output(self) -> Logits:
        return np.array(self._output.numpy())

    def evidence(self) -> Evidence:
        import torch

        if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
            raise BuildFailed("this PyTorch was built without oneDNN; what it runs cannot be proven")
        with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):  # type: ignore[no-untyped-call]
            ran = tuple(onednn.kernels(onednn.told(self.infer)))
        return Evidence(ran, torch.get_num_threads(), widest_isa(kernel.implementation for kernel in ran))
