"""Code generation: what turns a network into something that runs, and proves afterwards what it really ran."""

import importlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from dlas.artifacts import Artifact
from dlas.data import Images
from dlas.host import Place, Target
from dlas.network import Logits
from dlas.option import Option, Value

PYTHON = "another Python to build and run in, if not this one"  # help of the parameter `python`
_PRECISIONS = {"f32": "float32", "i8": "int8", "u8": "int8", "s8": "int8", "bf16": "bfloat16", "f16": "float16"}


@dataclass(frozen=True)
class Kernel:
    """What one convolution or linear operator really ran as."""

    operator: str
    kind: str  # "convolution" or "linear"
    implementation: str
    precision: str
    sparse: bool = False
    primitive: str = ""  # the one that lowered it; empty where the runtime chose by itself


@dataclass(frozen=True)
class Evidence:
    """What a runtime tells of a loaded executable; `isa` is what its kernels' names show, or "not told"."""

    kernels: tuple[Kernel, ...]
    threads: int
    isa: str

    @property
    def precision(self) -> str:
        """Precision computed in: the one of all kernels, or all of them joined by +, the most frequent first."""
        counts = Counter(kernel.precision for kernel in self.kernels)
        return "+".join(name for name, _ in counts.most_common())


@dataclass(frozen=True)
class Lowering:
    """How a primitive lowers operators: the dotted name of its class in the dialect, and the primitive's parameters."""

    name: str
    parameters: Mapping[str, Value]

    def make(self) -> Any:
        """The lowering itself, imported now."""
        module, _, attribute = self.name.rpartition(".")
        return getattr(importlib.import_module(module), attribute)(**self.parameters)


class Runner(Protocol):
    """A loaded executable. `feed` and `output` are outside what is timed, `infer` is what is timed."""

    def feed(self, images: Images) -> None:
        """Put one batch into the runtime's own input."""

    def infer(self) -> None:
        """One inference of the batch that was fed."""

    def output(self) -> Logits:
        """Logits of the last inference."""

    def evidence(self) -> Evidence:
        """What the runtime says it runs."""


class Codegen(Option, Protocol):
    """Compiles networks and loads what it compiled.

    `depends_on` names what its executables depend on beside architecture and batch: `isa`, `threads`, or nothing;
    `native`, where it is declared, is the lowering for stacks that leave the primitive to the code generator;
    `ingredients()`, where it is declared, gives by name what else decides an executable, as hashable JSON values;
    `ceilings` gives for each instruction set that it can be held to the environment that does so.
    """

    dialect: ClassVar[str]
    devices: ClassVar[tuple[str, ...]]
    precisions: ClassVar[tuple[str, ...]]
    takes_module: ClassVar[bool]
    packages: ClassVar[tuple[str, ...]]
    depends_on: ClassVar[tuple[str, ...]]
    ceilings: ClassVar[Mapping[str, Mapping[str, str]]]

    def compile(self, network: Artifact, lowering: Lowering | None, target: Target, out: Path) -> dict[str, Any]:
        """Write the executable's files into `out`; the facts hold `weights_size` in bytes."""

    def load(self, executable: Artifact, place: Place) -> Runner:
        """Load an executable in this process."""

    def idle(self, executable: Artifact, place: Place) -> Runner:
        """A runner of a network that gives back what this executable's takes: what a call alone costs."""


def batch_shape(executable: Artifact) -> list[int]:
    """Shape of what an executable takes."""
    return [executable.facts["batch"], *executable.facts["shape"]]


def precision_named(kernel: str) -> str:
    """The precision that the suffix of a kernel's name stands for, as in `brgconv_avx2_f32`."""
    return _PRECISIONS.get(kernel.rpartition("_")[2].lower(), "unknown")


def widest_isa(kernels: Iterable[str]) -> str:
    """The widest instruction set that kernels' names show, as in `brgconv_avx512_amx_bf16`."""
    shown = {isa for kernel in kernels for isa in (_isa_of(kernel.lower()),) if isa}
    return next((isa for isa in ("amx", "avx512-vnni", "avx512", "avx2", "avx", "sse4") if isa in shown), "not told")


def _isa_of(kernel: str) -> str:
    if "avx512" in kernel:
        return "amx" if "amx" in kernel else "avx512-vnni" if "vnni" in kernel else "avx512"
    return next((isa for isa in ("avx2", "avx", "sse4") if isa in kernel), "")
