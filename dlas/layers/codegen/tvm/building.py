"""A network's library and the list of what is in it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlas import network as networks
from dlas.artifacts import Artifact
from dlas.errors import Inapplicable
from dlas.host import Target
from dlas.layers.codegen import Kernel
from dlas.layers.codegen.tvm import choosing, importing, linking, machinecode, scheduling
from dlas.layers.codegen.tvm.importing import bindings
from dlas.layers.codegen.tvm.runner import KERNELS, LIBRARY
from dlas.layers.codegen.tvm.scheduling import NO_TRACES
from dlas.layers.codegen.tvm.walk import FUNCTION, Walked, walk
from dlas.layers.codegen.tvm.walk import operators as operators_of
from dlas.tensorir.choices import DEFAULTS, Choices
from dlas.tensorir.contest import Contest
from dlas.tensorir.emitter import Emitter, Lowered, OperatorLowering
from dlas.tensorir.machine import Machine, machine

if TYPE_CHECKING:
    from tvm import ir

IDLE = "idle"


def build(
    network: Artifact,
    lowering: OperatorLowering | Contest,
    target: Target,
    schedule: str,
    out: Path,
    choices: Choices = DEFAULTS,
    traces: Mapping[str, str] = NO_TRACES,
) -> dict[str, Any]:
    """Write library and list into `out`; returns the executable's facts."""
    chosen, operators = machine(target.isa), network.facts["operators"]
    imported = importing.read(network.file(networks.ONNX), target.batch)
    emitter = emitter_for(chosen, schedule, stored(network), choices)
    table: dict[str, Any] = {}
    if isinstance(lowering, Contest):
        lowering, table = _settled(imported, lowering, emitter, operators)
    walked = walk(imported, emitter, lowering)
    module = scheduling.kernels(walked.module, chosen, schedule, traces)
    executable = compiled(module, chosen)
    linking.export(executable, out / LIBRARY, target.architecture, chosen.amx)
    isa = machinecode.isa_of(machinecode.disassembly(executable, out / LIBRARY, target.architecture))
    kernels = _kernels(operators, walked.lowered)
    copies = {"copies": walked.copies, "copied_bytes": walked.copied}
    listed = {"isa": isa, "kernels": [asdict(kernel) for kernel in kernels], **copies}
    (out / KERNELS).write_text(json.dumps(listed, indent=1), encoding="utf-8")
    return {"weights_size": constants_size(module), **copies, **table}


def stored(network: Artifact) -> str:
    """What weights are kept in, as the network stores them; arithmetic is float32 all the same."""
    return "float16" if network.facts.get("storage") == "float16" else "float32"


def _settled(
    module: "ir.IRModule", contest: Contest, emitter: Emitter, operators: Sequence[Mapping[str, Any]]
) -> tuple[OperatorLowering, dict[str, Any]]:
    """The lowering that won a contest on this host, and the table of what was timed."""
    check_count(operators, len(operators_of(module)))
    lowering, table = choosing.settled(module, contest, emitter)
    named = [{"operator": o["name"], **choice} for o, choice in zip(operators, table, strict=True)]
    return lowering, {"choices": named}


def lowered(
    module: "ir.IRModule", lowering: OperatorLowering, chosen: Machine, storage: str, choices: Choices
) -> Walked:
    """The imported module with its operators lowered for schedules by hand."""
    return walk(module, emitter_for(chosen, "default", storage, choices), lowering)


def emitter_for(chosen: Machine, schedule: str, storage: str, choices: Choices) -> Emitter:
    """What writes a new function."""
    from tvm import relax

    return Emitter(relax.BlockBuilder(), chosen, schedule, storage, choices=choices)


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
    check_count(operators, len(done))
    return [
        Kernel(operator["name"], operator["kind"], how.implementation, how.precision, how.sparse, how.primitive)
        for operator, how in zip(operators, done, strict=True)
    ]


def check_count(operators: Sequence[Mapping[str, Any]], found: int) -> None:
    """Raise Inapplicable where others than so many of the network's operators can be lowered."""
    if len(operators) != found:
        known = f"it lowers {found} of the network's {len(operators)} operators, convolutions and products of matrices"
        raise Inapplicable(f"codegen tvm: {known}; use another code generator")
