"""A network's tasks: its kernels after fusion, each structure once, with what they are called with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dlas import fingerprint
from dlas.layers.codegen.tvm import building, scheduling
from dlas.layers.codegen.tvm.importing import Array, bindings, constant
from dlas.layers.codegen.tvm.walk import FUNCTION, Walked
from dlas.records import Task
from dlas.tensorir import steps
from dlas.tensorir.choices import DEFAULTS, SITE, Choices, Parameters, Picked, Site
from dlas.tensorir.emitter import OperatorLowering
from dlas.tensorir.machine import Machine

if TYPE_CHECKING:
    from tvm import ir

COMPILERS = ("apache-tvm", "apache-tvm-ffi")
MODULE, CONSTANTS, TRACE = "module.json", "constants.npz", "trace.json"


@dataclass(frozen=True, eq=False)
class Kernel:
    """A fused kernel that is not scheduled yet, and the constants among its arguments by position."""

    function: Any
    constants: Mapping[int, Array]
    trace: str = ""  # of MetaSchedule's, which then schedules it in place of the primitive's own recipe

    def save(self, folder: Path) -> None:
        """Write it for the child that compiles it."""
        from tvm import ir

        folder.mkdir(parents=True, exist_ok=True)
        text = ir.save_json(ir.IRModule({FUNCTION: self.function}))
        (folder / MODULE).write_text(text, encoding="utf-8")
        # Array names of a file cannot be numbers.
        named: dict[str, Any] = {f"argument{at}": array for at, array in self.constants.items()}
        np.savez(folder / CONSTANTS, **named)
        if self.trace:
            (folder / TRACE).write_text(self.trace, encoding="utf-8")


@dataclass(frozen=True, eq=False)
class Work:
    """A task of a network: the sites that share it, and what each of them offers."""

    task: Task
    sites: tuple[int, ...]
    site: Site

    @property
    def count(self) -> int:
        """How often the network calls it."""
        return len(self.sites)


@dataclass(frozen=True, eq=False)
class Source:
    """A network as it is lowered again and again, each time with other parameters."""

    imported: "ir.IRModule"
    lowering: OperatorLowering
    machine: Machine
    storage: str

    def kernels(self, picked: Mapping[int, Parameters]) -> tuple[dict[int, Kernel], list[Site]]:
        """The kernel of each site under those parameters, and the sites."""
        choices = Picked(picked, marked=True)
        return dict(_kernels(scheduling.fused(self._walked(choices).module))), choices.sites

    def operators(self) -> int:
        """How many of the network's operators are lowered."""
        return len(self._walked(DEFAULTS).lowered)

    def _walked(self, choices: Choices) -> Walked:
        return building.lowered(self.imported, self.lowering, self.machine, self.storage, choices)


def works(source: Source, primitive: str, code: str) -> tuple[list[Work], dict[int, Kernel]]:
    """The tasks of a network in the order of their first sites, and its kernels under the default."""
    kernels, sites = source.kernels({})
    versions = {name: str(fingerprint.package_version(name)) for name in COMPILERS}
    grouped: dict[str, list[int]] = {}
    tasks: dict[str, Task] = {}
    for number, kernel in sorted(kernels.items()):
        task = Task(
            scheduling.structure(kernel.function),
            source.machine.isa,
            primitive,
            {**versions, "code": code},
            described(kernel),
        )
        tasks[task.key] = task
        grouped.setdefault(task.key, []).append(number)
    return [Work(tasks[key], tuple(at), sites[at[0]]) for key, at in grouped.items()], kernels


def described(kernel: Kernel) -> str:
    """Shapes of a kernel's arguments in words, the output last."""
    return " ".join("x".join(str(int(extent)) for extent in buffer.shape) for buffer in kernel.function.params)


def _kernels(module: "ir.IRModule") -> list[tuple[int, Kernel]]:
    """Site and kernel of each call in the network's function."""
    from tvm import ir

    found = []
    for _, value in bindings(module[FUNCTION]):
        if isinstance(value, ir.Call) and getattr(value.op, "name", "") == "relax.call_tir":
            site, function = _unmarked(module[value.args[0]])
            if site is not None:
                arrays = {at: constant(field) for at, field in enumerate(value.args[1].fields)}
                found.append((site, Kernel(function, {at: a for at, a in arrays.items() if a is not None})))
    return found


def _unmarked(function: Any) -> tuple[int | None, Any]:
    """The site that a kernel came from, and the kernel without that mark."""
    from tvm import ir, s_tir

    s = s_tir.Schedule(ir.IRModule({FUNCTION: function}))
    for block in steps.blocks(s):
        annotations = s.get(block).annotations
        if SITE in annotations:
            number = int(annotations[SITE])
            s.unannotate(block, SITE)
            return number, s.mod[FUNCTION]
    return None, function
