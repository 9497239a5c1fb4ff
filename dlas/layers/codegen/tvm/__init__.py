"""TVM: the network as Relax, its operators lowered by the primitive, scheduled by hand, linked as a shared library."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dlas.artifacts import Artifact
from dlas.host import Host, Place, Target
from dlas.layers.codegen import Lowering, Runner
from dlas.layers.codegen.tvm import linking
from dlas.option import parameter

if TYPE_CHECKING:
    from dlas.layers.codegen.deploying import Deployment
    from dlas.layers.codegen.profiling import Profiled
    from dlas.stack import Stack


@dataclass(frozen=True)
class Tvm:
    """TVM with hand-written schedules; nothing is tuned. Its own choice of primitive is spatial-pack."""

    name: ClassVar = "tvm"
    suggested: ClassVar = ("tvm",)
    packages: ClassVar = ("apache-tvm", "apache-tvm-ffi", "onnx")
    dialect: ClassVar = "tvm"
    devices: ClassVar = ("cpu", "rpc")
    precisions: ClassVar = ("float32",)
    takes_module: ClassVar = False
    depends_on: ClassVar = ("isa",)
    # The compiler holds its code to a ceiling; the runtime has nothing to choose.
    ceilings: ClassVar[Mapping[str, Mapping[str, str]]] = {
        name: {} for name in ("avx2", "avx512", "avx512-vnni", "amx", "neon")
    }
    native: ClassVar = "dlas.layers.primitive.tvm.spatial_pack.SpatialPack"

    schedule: str = parameter(
        "loops ordered by hand, by one tile, or as written",
        "default",
        choices=("default", "fixed", "naive"),
    )

    def needs(self, stack: "Stack", host: Host) -> str | None:
        """Something that links, a processor that code is generated for, and VNNI for integers."""
        promised = getattr(stack.options("compression")[-1], "precision", "float32")
        if promised == "int8" and "avx512-vnni" not in host.isas:
            return "codegen tvm: integer kernels need VNNI, which this processor has not; use another code generator"
        hardware = stack.options("hardware")[0]
        architecture = hardware.target(host).architecture  # type: ignore[attr-defined]
        if linking.linker(architecture) is None:
            return linking.missing(architecture)
        return (
            None
            if host.isas or architecture != host.architecture
            else "codegen tvm: this processor has none of the instruction sets that it writes for"
        )

    def compile(self, network: Artifact, lowering: Lowering | None, target: Target, out: Path) -> dict[str, Any]:
        """Import, lower, fuse, schedule, compile, link."""
        from dlas.layers.codegen.tvm import building

        assert lowering is not None  # `native` at least
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
