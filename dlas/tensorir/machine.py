"""The processor that code is generated for, as far as lowerings and schedules depend on it."""

from dataclasses import dataclass

from dlas.errors import Inapplicable
from dlas.host import ISAS


@dataclass(frozen=True)
class Machine:
    """An instruction set: float32 lanes of a vector, number of vector registers, LLVM's name of a processor with it.

    `triple` is LLVM's name of the system where that is another than this one; `vnni`: it multiplies
    and adds bytes; `amx`: tiles of them.
    """

    isa: str
    lanes: int
    registers: int
    cpu: str
    triple: str = ""
    vnni: bool = False
    amx: bool = False


MACHINES = {
    "avx2": Machine("avx2", 8, 16, "haswell"),
    "avx512": Machine("avx512", 16, 32, "skylake-avx512"),
    "avx512-vnni": Machine("avx512-vnni", 16, 32, "cascadelake", vnni=True),
    "amx": Machine("amx", 16, 32, "sapphirerapids", vnni=True, amx=True),
    "neon": Machine("neon", 4, 32, "cortex-a72", "aarch64-linux-gnu"),
}
assert tuple(MACHINES)[: len(ISAS)] == tuple(ISAS)


def machine(isa: str) -> Machine:
    """The machine of an instruction set; raises Inapplicable for one that nothing is generated for."""
    if isa not in MACHINES:
        raise Inapplicable(f"codegen tvm: no code for the instruction set {isa}; it needs one of {', '.join(MACHINES)}")
    return MACHINES[isa]
