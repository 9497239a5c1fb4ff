"""PyTorch, eager: the module itself, channels last."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dlas import network as networks
from dlas.artifacts import Artifact
from dlas.data import Images
from dlas.host import Place, Target
from dlas.layers.codegen import Evidence, Kernel
from dlas.network import Logits

_CONVOLUTIONS = ("aten::mkldnn_convolution", "aten::_slow_conv2d_forward", "aten::_conv_depthwise2d")
_KINDS = {
    **dict.fromkeys(
        ("aten::mkldnn_convolution", "aten::_slow_conv2d_forward", "aten::_conv_depthwise2d"), "convolution"
    ),
    **dict.fromkeys(("aten::addmm", "aten::mm", "mkl::_mkl_linear", "mkldnn::_linear_pointwise"), "linear"),
}


@dataclass(frozen=True)
class Torch:
    """PyTorch in eager mode, channels last, inference mode."""

    name: ClassVar = "torch"
    suggested: ClassVar = ("torch",)
    packages: ClassVar = ("torch",)
    dialect: ClassVar = "torch"
    devices: ClassVar = ("cpu",)
    precisions: ClassVar = ("float32",)
    takes_module: ClassVar = True
    depends_on: ClassVar = ()
    ceilings: ClassVar = {
        "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
        "avx512": {
            "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
            "MKL_ENABLE_INSTRUCTIONS": "AVX512",
            "ATEN_CPU_CAPABILITY": "avx512",
        },
    }

    def compile(self, network: Artifact, lowering: str | None, target: Target, out: Path) -> dict[str, Any]:
        """Copy what rebuilds the module; eager mode compiles nothing."""
        for name in networks.MODULE_FILES:
            shutil.copyfile(network.file(name), out / name)
        return {"weights_size": (out / networks.WEIGHTS).stat().st_size}

    def load(self, executable: Artifact, place: Place) -> "_Runner":
        """Rebuild the module."""
        return _Runner(executable, place.threads)


class _Runner:
    def __init__(self, executable: Artifact, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        self._mode = torch.inference_mode()
        self._mode.__enter__()  # for the rest of this process
        self._module = networks.rebuild(executable)
        self._module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def feed(self, images: Images) -> None:
        import torch

        self._input = torch.from_numpy(images).contiguous(memory_format=torch.channels_last)

    def infer(self) -> None:
        self._output = self._module(self._input)

    def output(self) -> Logits:
        return np.array(self._output)

    def evidence(self) -> Evidence:
        import torch

        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            self.infer()
        precision = str(next(self._module.parameters()).dtype).removeprefix("torch.")
        ran = [event.name for event in profile.events() if event.name in _KINDS]
        kernels = tuple(Kernel(f"{name}#{i}", _KINDS[name], name, precision) for i, name in enumerate(ran))
        return Evidence(kernels, torch.get_num_threads(), torch.backends.cpu.get_cpu_capability().lower())
