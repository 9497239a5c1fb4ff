"""From scheduled kernels to machine code, and which instructions it holds."""

import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlas.layers.codegen.tvm import prefetching
from dlas.tensorir.machine import Machine
from dlas.tensorir.sizes import total_bytes

if TYPE_CHECKING:
    from tvm import ir


_PIPELINE = "dlas"
STACK = 16 << 10  # bytes of a buffer at most, of a thread's stack of megabytes


def compiled(module: "ir.IRModule", chosen: Machine) -> Any:
    """The executable of a module whose kernels are scheduled."""
    import tvm

    system = {"mtriple": chosen.triple} if chosen.triple else {}
    target = tvm.target.Target({"kind": "llvm", "mcpu": chosen.cpu, "num-cores": 1, **system})
    tvm.tirx.register_tir_pipeline(_PIPELINE, _pipeline)  # it takes a name, and no pass
    with tvm.transform.PassContext(opt_level=3, config={"s_tir.LoopPartition": {"partition_const_loop": True}}):
        return tvm.compile(module, target=target, tir_pipeline=_PIPELINE)


def _pipeline() -> tuple[Any, Any, Any]:
    """TVM's own lowering, after which small local buffers stay variables and weights are asked for ahead; then its
    passes for host and device.
    """
    import tvm

    lowered, host, device = tvm.tirx.get_tir_pipeline("default")
    last = tvm.tirx.transform.prim_func_pass(_finished, opt_level=0)
    return tvm.transform.Sequential([lowered, last]), host, device


def _finished(function: Any, _module: Any, _context: Any) -> Any:
    return prefetching.prefetched(_on_stack(function))


def _on_stack(function: Any) -> Any:
    """Marks the allocation of accumulators as none that the runtime's pool is asked for.

    It would be asked in every turn of a parallel loop, which takes as long as a small tile.
    """
    import tvm_ffi
    from tvm.tirx import AllocBuffer, IntImm

    def kept(found: Any) -> Any:
        if found.buffer.scope() != "local" or total_bytes(found.buffer) > STACK:
            return found
        return AllocBuffer(found.buffer, {**found.annotations, "disable_lower_builtin": IntImm("bool", 1)})

    return function.with_body(tvm_ffi.structural_map(function.body, (AllocBuffer, kept)))


def assembly(executable: Any) -> str:
    """The instructions of a compiled module; the compiler generates them once more."""
    return "".join(library.inspect_source("asm") for library in executable.mod.imports)


def disassembly(executable: Any, library: Path, architecture: str) -> str:
    """The instructions in the shared library of a compiled module, for the architecture by that name.

    They are the compiler's where there is no disassembler for it, which takes ten times as long.
    """
    tool = shutil.which("objdump") if architecture == platform.machine() else None
    if tool:
        argv = [tool, "--disassemble", "--no-show-raw-insn", str(library)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if not done.returncode:
            return done.stdout
    return assembly(executable)


# Operations and registers that no narrower instruction set has, the widest first.
_SHOWN = {
    "amx": re.compile(r"\btdp\w+\s"),
    "avx512-vnni": re.compile(r"\bvpdpbusds?\s"),
    "avx512": re.compile(r"%zmm|%[xy]mm(1[6-9]|2\d|3[01])\b|%k[0-7]\b"),
    "avx2": re.compile(r"%ymm"),
    "neon": re.compile(r"\bv\d+\.\d*[bhsd]\b"),
}


def isa_of(instructions: str) -> str:
    """The widest instruction set that instructions belong to, as assembler spells them (AT&T's on x86)."""
    return next((isa for isa, pattern in _SHOWN.items() if pattern.search(instructions)), "not told")
