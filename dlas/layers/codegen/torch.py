"""PyTorch, eager: the module itself, channels last."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dlas import network as networks
from dlas.artifacts import Artifact
from dlas.data import Images
from dlas.errors import BuildFailed, Inapplicable
from dlas.host import Place, Target
from dlas.layers.codegen import PYTHON, Evidence, Kernel, Lowering, torch_lowered
from dlas.network import Logits
from dlas.option import parameter

if TYPE_CHECKING:
    import torch

    from dlas.host import Host
    from dlas.layers.codegen.deploying import Deployment
    from dlas.layers.codegen.profiling import Profiled
    from dlas.stack import Stack

# Promised arithmetic → flags of processors that have it; others emulate it, up to twelve times slower.
_HALF = {"float16": ("avx512_fp16", "amx_fp16"), "bfloat16": ("avx512_bf16", "amx_bf16")}
_TYPES = {"float": "float32", "c10::Half": "float16", "c10::BFloat16": "bfloat16"}
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
    precisions: ClassVar = ("float32", *_HALF)
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

    python: str = parameter(PYTHON, "", locator=True)

    def needs(self, stack: "Stack", host: "Host") -> str | None:
        """Half arithmetic that the processor has."""
        promised = getattr(stack.options("compression")[-1], "precision", "float32")
        flags = _HALF.get(promised)
        on_cpu = getattr(stack.options("hardware")[0], "device", "") == "cpu"
        if flags and on_cpu and not set(flags) & set(host.flags):
            return f"this processor has neither {flags[0]} nor {flags[1]}: PyTorch would emulate {promised}"
        return None

    def compile(self, network: Artifact, lowering: Lowering | None, target: Target, out: Path) -> dict[str, Any]:
        """Copy what rebuilds the module, or write the one whose operators the primitive lowered."""
        if lowering:
            return torch_lowered.write(network, lowering, out)
        for name in networks.MODULE_FILES:
            shutil.copyfile(network.file(name), out / name)
        return {"weights_size": (out / networks.WEIGHTS).stat().st_size}

    def load(self, executable: Artifact, place: Place) -> "_Runner":
        """Rebuild the module, in half precision where the network promises its arithmetic."""
        precision = executable.facts["precision"]
        if torch_lowered.is_lowered(executable):
            module, kinds = torch_lowered.read(executable)
            return _Runner(module, place, precision, kinds)
        return _Runner(networks.rebuild(executable), place, precision)

    def profile(self, executable: Artifact, place: Place) -> "Profiled":
        """The same under PyTorch's profiler."""
        from dlas.layers.codegen import profile_torch

        runner = self.load(executable, place)
        torch_lowered.mark(runner.module, runner.lowered)
        return profile_torch.Recorded(runner, _KINDS, runner.lowered)

    def deploy(self, executable: Artifact, place: Place, out: Path) -> "Deployment":
        """The module's graph; raises Inapplicable where it multiplies compressed rows."""
        from dlas.layers.codegen import deploy_torch

        return deploy_torch.deploy(executable, place, out)

    def idle(self, executable: Artifact, place: Place) -> "_Runner":
        """A module that gives back its input."""
        from torch import nn

        return _Runner(nn.Identity(), place)


class _Runner:
    """A module; `lowered` are the kinds of its operators by name, where a primitive lowered them: they run on NCHW."""

    def __init__(
        self,
        module: "torch.nn.Module",
        place: Place,
        precision: str = "float32",
        lowered: Mapping[str, str] | None = None,
    ) -> None:
        import torch

        torch.set_num_threads(place.threads)
        self._mode = torch.inference_mode()
        self._mode.__enter__()  # for the rest of this process
        self._device = _device(place)
        self._type: torch.dtype = getattr(torch, precision)
        self.module = module.to(self._device, self._type)
        self.lowered = lowered or {}
        self._format = torch.contiguous_format if lowered else torch.channels_last
        self.module.to(memory_format=self._format)  # type: ignore[call-overload]

    def feed(self, images: Images) -> None:
        import torch

        image = torch.from_numpy(images).to(self._device, self._type)
        self._input = image.contiguous(memory_format=self._format)

    def infer(self) -> None:
        self._output = self.module(self._input)
        if self._device.type == "cuda":
            self._wait()

    def _wait(self) -> None:
        import torch

        torch.cuda.synchronize(self._device)

    def output(self) -> Logits:
        return np.array(self._output.float().cpu().numpy())

    def evidence(self) -> Evidence:
        import torch

        if self.lowered:
            found = torch_lowered.kernels(self.module, self.lowered, self.infer, precision_of)
        else:
            _check_layout(self.module, self.infer)
            found = self._kernels()
        on_cpu = self._device.type == "cpu"
        isa = torch.backends.cpu.get_cpu_capability().lower() if on_cpu else torch.cuda.get_device_name(self._device)
        return Evidence(found, torch.get_num_threads(), isa)

    def _kernels(self) -> tuple[Kernel, ...]:
        import torch

        # torch.profiler's own class first imports the compiler, which takes two seconds.
        with torch.autograd.profiler.profile(record_shapes=True) as profile:
            self.infer()
        ran = [event for event in profile.kineto_results.events() if event.name() in _KINDS]
        return tuple(
            Kernel(f"{event.name()}#{i}", _KINDS[event.name()], event.name(), precision_of(event.dtypes()))
            for i, event in enumerate(ran)
        )


def _check_layout(module: "torch.nn.Module", infer: Callable[[], None]) -> None:
    """Raise BuildFailed if no convolution is given channels-last images: something before all of them moved them."""
    import torch

    seen: list[bool] = []

    def look(_: "torch.nn.Module", inputs: "tuple[torch.Tensor, ...]") -> None:
        seen.append(inputs[0].is_contiguous(memory_format=torch.channels_last))

    convolutions = [child for child in module.modules() if isinstance(child, torch.nn.Conv2d)]
    hooks = [child.register_forward_pre_hook(look) for child in convolutions]
    infer()
    for hook in hooks:
        hook.remove()
    if seen and not any(seen):
        raise BuildFailed(f"codegen torch is channels last, but none of {len(seen)} convolutions was given such images")


def precision_of(types: Sequence[str]) -> str:
    """The precision of the tensors that an operator was given."""
    given = {_TYPES.get(kind, kind) for kind in types if kind in _TYPES}
    return given.pop() if len(given) == 1 else "unknown"


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
