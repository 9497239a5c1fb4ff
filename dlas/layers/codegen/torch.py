"""PyTorch, eager: the module itself, channels last."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dlas import network as networks
from dlas.artifacts import Artifact
from dlas.data import Images
from dlas.errors import Inapplicable
from dlas.host import Place, Target
from dlas.layers.codegen import Evidence, Kernel
from dlas.network import Logits

if TYPE_CHECKING:
    import torch

_CONVOLUTIONS = (
    *("aten::mkldnn_convolution", "aten::_slow_conv2d_forward", "aten::_conv_depthwise2d"),
    "aten::cudnn_convolution",
)
_KINDS = {
    **dict.fromkeys(_CONVOLUTIONS, "convolution"),
    **dict.fromkeys(("aten::addmm", "aten::mm", "mkl::_mkl_linear", "mkldnn::_linear_pointwise"), "linear"),
}


@dataclass(frozen=True)
class Torch:
    """PyTorch in eager mode, channels last, inference mode; TF32 off on CUDA."""

    name: ClassVar = "torch"
    suggested: ClassVar = ("torch",)
    packages: ClassVar = ("torch",)
    dialect: ClassVar = "torch"
    devices: ClassVar = ("cpu", "cuda")
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
        return _Runner(networks.rebuild(executable), place)

    def idle(self, shape: Sequence[int], place: Place) -> "_Runner":
        """A module that gives back its input."""
        from torch import nn

        return _Runner(nn.Identity(), place)


class _Runner:
    def __init__(self, module: "torch.nn.Module", place: Place) -> None:
        import torch

        torch.set_num_threads(place.threads)
        self._mode = torch.inference_mode()
        self._mode.__enter__()  # for the rest of this process
        self._device = _device(place)
        self._module = module.to(self._device)
        self._module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def feed(self, images: Images) -> None:
        import torch

        self._input = torch.from_numpy(images).to(self._device).contiguous(memory_format=torch.channels_last)

    def infer(self) -> None:
        self._output = self._module(self._input)
        if self._device.type == "cuda":
            self._wait()

    def _wait(self) -> None:
        import torch

        torch.cuda.synchronize(self._device)

    def output(self) -> Logits:
        return np.array(self._output.cpu())

    def evidence(self) -> Evidence:
        import torch

        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            self.infer()
        precision = str(next(self._module.parameters()).dtype).removeprefix("torch.")
        ran = [event.name for event in profile.events() if event.name in _KINDS]
        kernels = tuple(Kernel(f"{name}#{i}", _KINDS[name], name, precision) for i, name in enumerate(ran))
        on_cpu = self._device.type == "cpu"
        isa = torch.backends.cpu.get_cpu_capability().lower() if on_cpu else torch.cuda.get_device_name(self._device)
        return Evidence(kernels, torch.get_num_threads(), isa)


def _device(place: Place) -> "torch.device":
    """The device; on CUDA with TF32 off, since float32 means float32. Raises Inapplicable without CUDA."""
    import torch

    if place.device == "cuda":
        if not torch.cuda.is_available():
            raise Inapplicable(f"this PyTorch ({torch.__version__}) does not reach a CUDA device; install a CUDA build")
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        return torch.device(f"cuda:{place.index}")
    return torch.device("cpu")
