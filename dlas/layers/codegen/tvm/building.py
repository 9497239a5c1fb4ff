"""A network's library and the list of what is in it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlas.errors import BuildFailed
from dlas.host import Target
from dlas.layers.codegen import Kernel
from dlas.layers.codegen.tvm import importing, linking, machinecode, scheduling
from dlas.layers.codegen.tvm.importing import bindings
from dlas.layers.codegen.tvm.runner import KERNELS, LIBRARY
from dlas.layers.codegen.tvm.scheduling import NO_TRACES
from dlas.layers.codegen.tvm.walk import FUNCTION, Walked, walk
from dlas.tensorir.choices import DEFAULTS, Choices
from dlas.tensorir.emitter import Emitter, Lowered, OperatorLowering
from dlas.tensorir.machine import Machine, machine

if TYPE_CHECKING:
    from tvm import ir

IDLE = "idle"


def build(
    path: Path,
    operators: Sequence[Mapping[str, Any]],
    lowering: OperatorLowering,
    target: Target,
    schedule: str,
    out: Path,
    choices: Choices = DEFAULTS,
    traces: Mapping[str, str] = NO_TRACES,
) -> dict[str, Any]:
    """Write library and list into `out`; returns the executable's facts."""
    chosen = machine(target.isa)
    walked = lowered(importing.read(path, target.batch), lowering, chosen, schedule, choices)
    module = scheduling.fused(walked.module)
    if schedule != "naive":
        module = scheduling.scheduled(module, chosen, traces)
    linking.export(compiled(module, chosen), out / LIBRARY)
    kernels = _kernels(operators, walked.lowered)
    copies = {"copies": walked.copies, "copied_bytes": walked.copied}
    listed = {"isa": chosen.isa, "kernels": [asdict(kernel) for kernel in kernels], **copies}
    (out / KERNELS).write_text(json.dumps(listed, indent=1), encoding="utf-8")
    return {"weights_size": constants_size(module), **copies}


def lowered(
    module: "ir.IRModule",
    lowering: OperatorLowering,
    chosen: Machine,
    schedule: str,
    choices: Choices = DEFAULTS,
) -> Walked:
    """The imported module with its operators lowered."""
    from tvm import relax

    return walk(module, Emitter(relax.BlockBuilder(), chosen, schedule, choices=choices), lowering)


def compiled(module: "ir.IRModule", chosen: Machine) -> Any:
    """Machine code of a scheduled module, with a function beside it that gives back its input."""
    from tvm import relax

    images = relax.Var("images", module[FUNCTION].params[0].ty)
    builder = relax.BlockBuilder(module)
    with builder.function(IDLE, [images]):
        builder.emit_func_output(images)
    return machinecode.compiled(builder.get(), chosen)


def constants_size(module: "ir.IRModule") -> int:
    """Bytes of all constants that the network's function reads."""
    operands = [
        operand
        for _, value in bindings(module[FUNCTION])
        for argument in getattr(value, "args", [])
        for operand in getattr(argument, "fields", [argument])
    ]
    arrays = (importing.constant(operand) for operand in operands)
    return sum(array.nbytes for array in arrays if array is not None)


def _kernels(operators: Sequence[Mapping[str, Any]], done: Sequence[Lowered]) -> list[Kernel]:
    """What each of the network's operators became; both are in the order of the ONNX file."""
    if len(operators) != len(done):
        raise BuildFailed(f"codegen tvm: {len(operators)} operators in the network, {len(done)} lowered")
    return [
        Kernel(operator["name"], operator["kind"], how.implementation, how.precision, how.sparse, how.primitive)
        for operator, how in zip(operators, done, strict=True)
    ]
