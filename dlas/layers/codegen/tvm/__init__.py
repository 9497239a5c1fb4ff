"""TVM: the network as Relax, its operators lowered by the primitive, scheduled by hand, linked as a shared library."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dlas.artifacts import Artifact, users
from dlas.host import NATIVE, Host, Place, Target
from dlas.layers.codegen import PYTHON, Lowering, Runner
from dlas.layers.codegen.tvm import linking
from dlas.option import parameter
from dlas.records import Records

if TYPE_CHECKING:
    from dlas.layers.codegen.deploying import Deployment
    from dlas.layers.codegen.profiling import Profiled
    from dlas.stack import Stack

NAIVE, TUNED = "naive", "tuned"
SPACES = ("template", "generic", "both")
WITH_VNNI = ("avx512-vnni", "amx")


@dataclass(frozen=True)
class Tvm:
    """TVM with hand-written schedules, or with searched ones. Its own choice of primitive is spatial-pack."""

    name: ClassVar = "tvm"
    suggested: ClassVar = ("tvm",)
    packages: ClassVar = ("apache-tvm", "apache-tvm-ffi", "onnx")
    dialect: ClassVar = "tvm"
    devices: ClassVar = ("cpu", "rpc")
    precisions: ClassVar = ("float32", "int8")
    takes_module: ClassVar = False
    depends_on: ClassVar = ("isa",)
    # The compiler holds its code to a ceiling; the runtime has nothing to choose.
    ceilings: ClassVar[Mapping[str, Mapping[str, str]]] = {
        name: {} for name in ("avx2", "avx512", "avx512-vnni", "amx", "neon")
    }
    native: ClassVar = "dlas.layers.primitive.tvm.spatial_pack.SpatialPack"

    schedule: str = parameter(
        "loops by hand, by one tile, as written, searched",
        "default",
        choices=("default", "fixed", NAIVE, TUNED),
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
        """Something that links, a processor that code is generated for, VNNI for integers, loops for the threads."""
        if getattr(stack.options("compression")[-1], "precision", "float32") == "int8":
            reason = self._needs_of_integers(stack, host)
            if reason:
                return reason
        target: Target = stack.options("hardware")[0].target(host)  # type: ignore[attr-defined]
        architecture = target.architecture
        if linking.linker(architecture) is None:
            return linking.missing(architecture)
        if architecture == host.architecture and not host.isas:
            return "codegen tvm: this processor has none of the instruction sets that it writes for"
        if self.schedule == NAIVE and target.threads > 1:
            return (
                f"codegen tvm: schedule=naive runs no loop in parallel, so not on {target.threads} threads; "
                "use threads=1, or schedule=default"
            )
        return self._needs_of_search(stack)

    def _needs_of_integers(self, stack: "Stack", host: Host) -> str | None:
        """VNNI, under the ceiling too, and a primitive that has integer kernels."""
        ceiling = stack.options("hardware")[0].target(host).isa  # type: ignore[attr-defined]
        if not set(WITH_VNNI) & ({ceiling} if ceiling != NATIVE else set(host.isas)):
            return "codegen tvm: integer kernels need VNNI, which is not there; use another code generator"
        (primitive,) = stack.options("primitive")
        if primitive.lowerings and not getattr(primitive, "integers", False):  # type: ignore[attr-defined]
            return f"primitive {stack.primitive} has no integer kernels; use spatial-pack"
        if self.exclusive and self.space != Tvm.space:
            return f"codegen tvm: space={self.space} has no integer kernels; use space={Tvm.space}"
        return None

    def _needs_of_search(self, stack: "Stack") -> str | None:
        """A search times kernels here, in this Python, of one primitive."""
        if not self.exclusive:
            meant = (self.trials, self.space) == (Tvm.trials, Tvm.space)
            return (
                None
                if meant
                else "codegen tvm: trials and space belong to schedule=tuned; leave them out, or write that too"
            )
        if self.python:
            return "codegen tvm: a search runs in this Python only; leave python out"
        if getattr(stack.options("hardware")[0], "device", "") != "cpu":
            return "codegen tvm: a search times kernels on this processor; use schedule=default for another"
        if getattr(stack.options("primitive")[0], "exclusive", False):
            return f"codegen tvm: no schedules are searched for primitive={stack.primitive}; name one primitive"
        return None

    def compile(self, network: Artifact, lowering: Lowering | None, target: Target, out: Path) -> dict[str, Any]:
        """Import, lower, fuse, schedule, compile, link."""
        from dlas.layers.codegen.tvm import building

        assert lowering is not None  # `native` at least
        if self.exclusive:
            from dlas.layers.codegen.tvm.tuning import tuned

            return tuned.build(network, lowering, target, tuned.Asked(self.trials, self.space), out)
        return building.build(network, lowering.make(), target, self.schedule, out)

    def load(self, executable: Artifact, place: Place) -> Runner:
        """Load the library, here or where the place says."""
        return _runner(executable, place, "main")

    def profile(self, executable: Artifact, place: Place) -> "Profiled":
        """The same while the virtual machine tells of every call."""
        from dlas.layers.codegen.tvm import profile

        return profile.Called(executable, place)

    def deploy(self, executable: Artifact, place: Place, out: Path) -> "Deployment":
        """The library."""
        from dlas.layers.codegen.tvm import deploy

        return deploy.deploy(executable, place, out)

    def idle(self, executable: Artifact, place: Place) -> Runner:
        """The function beside the network's that gives back its input."""
        return _runner(executable, place, "idle")


def _runner(executable: Artifact, place: Place, function: str) -> Runner:
    if place.address:
        from dlas.layers.codegen.tvm.remote import RemoteRunner

        return RemoteRunner(executable, place, function)
    from dlas.layers.codegen.tvm.runner import VirtualMachineRunner

    return VirtualMachineRunner(executable, place, function)
