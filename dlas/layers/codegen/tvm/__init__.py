"""TVM: the network as Relax, its operators lowered by the primitive, scheduled by hand, linked as a shared library."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dlas import network as networks
from dlas.artifacts import Artifact, users
from dlas.host import Host, Place, Target
from dlas.layers.codegen import PYTHON, Lowering
from dlas.layers.codegen.tvm import linking
from dlas.option import parameter
from dlas.records import Records

if TYPE_CHECKING:
    from dlas.layers.codegen.tvm.runner import VirtualMachineRunner
    from dlas.stack import Stack

TUNED = "tuned"
SPACES = ("template", "generic", "both")


@dataclass(frozen=True)
class Tvm:
    """TVM with hand-written schedules, or with searched ones. Its own choice of primitive is spatial-pack."""

    name: ClassVar = "tvm"
    suggested: ClassVar = ("tvm",)
    packages: ClassVar = ("apache-tvm", "apache-tvm-ffi", "onnx")
    dialect: ClassVar = "tvm"
    devices: ClassVar = ("cpu",)
    precisions: ClassVar = ("float32",)
    takes_module: ClassVar = False
    depends_on: ClassVar = ("isa",)
    # The compiler holds its code to a ceiling; the runtime has nothing to choose.
    ceilings: ClassVar[Mapping[str, Mapping[str, str]]] = {"avx2": {}, "avx512": {}, "avx512-vnni": {}, "amx": {}}
    native: ClassVar = "dlas.layers.primitive.tvm.spatial_pack.SpatialPack"

    schedule: str = parameter(
        "loops by hand, by one tile, as written, searched",
        "default",
        choices=("default", "fixed", "naive", TUNED),
    )
    trials: int = parameter("tuned: candidates tried for each kernel, on average", 16, low=1, high=4096)
    space: str = parameter(
        "tuned: parameters by hand, or MetaSchedule's own space",
        "template",
        choices=SPACES,
    )
    python: str = parameter(PYTHON, "", locator=True)

    @property
    def exclusive(self) -> bool:
        """Whether building it times candidates."""
        return self.schedule == TUNED

    def ingredients(self) -> dict[str, Any]:
        """What of the tuning store enters the key: nothing but how often all was declared stale."""
        generation = Records(users().root).generation if self.exclusive else 0
        return {"generation": generation} if generation else {}

    def needs(self, stack: "Stack", host: Host) -> str | None:
        """Something that links, and a processor that code is generated for."""
        if not self.exclusive and (self.trials, self.space) != (Tvm.trials, Tvm.space):
            return "codegen tvm: trials and space belong to schedule=tuned; leave them out, or write that too"
        if self.exclusive and self.python:
            return "codegen tvm: a search runs in this Python only; leave python out"
        if linking.linker() is None:
            return linking.MISSING
        return None if host.isas else "codegen tvm: this processor has none of the instruction sets that it writes for"

    def compile(self, network: Artifact, lowering: Lowering | None, target: Target, out: Path) -> dict[str, Any]:
        """Import, lower, fuse, schedule, compile, link."""
        from dlas.layers.codegen.tvm import building

        assert lowering is not None  # `native` at least
        if self.exclusive:
            from dlas.layers.codegen.tvm.tuning import tuned

            return tuned.build(network, lowering, target, tuned.Asked(self.trials, self.space), out)
        operators = network.facts["operators"]
        return building.build(network.file(networks.ONNX), operators, lowering.make(), target, self.schedule, out)

    def load(self, executable: Artifact, place: Place) -> "VirtualMachineRunner":
        """Load the library."""
        from dlas.layers.codegen.tvm.runner import VirtualMachineRunner

        return VirtualMachineRunner(executable, place, "main")

    def idle(self, executable: Artifact, place: Place) -> "VirtualMachineRunner":
        """The function beside the network's that gives back its input."""
        from dlas.layers.codegen.tvm.runner import VirtualMachineRunner

        return VirtualMachineRunner(executable, place, "idle")
