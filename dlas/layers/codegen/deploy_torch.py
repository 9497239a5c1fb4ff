"""An executable of eager PyTorch without dlas: the module's graph as `torch.export` writes it."""

from pathlib import Path

from dlas import network
from dlas.artifacts import Artifact
from dlas.host import Place
from dlas.layers.codegen.deploying import Deployment

_CODE = """\
import torch

torch.set_num_threads(settings["threads"])
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
device, kind = torch.device(settings["device"]), getattr(torch, settings["precision"])
module = torch.export.load(HERE / "network.pt2").module().to(device)


@torch.inference_mode()
def infer(images):
    batch = torch.from_numpy(images).to(device, kind).contiguous(memory_format=torch.channels_last)
    return module(batch).float().cpu().numpy()
"""


def deploy(executable: Artifact, place: Place, out: Path) -> Deployment:
    """Export the module for the executable's batch, channels last, in the precision that the network promises."""
    import torch

    precision = executable.facts["precision"]
    kind: torch.dtype = getattr(torch, precision)
    module = network.rebuild(executable).to(kind)
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    example = torch.zeros(executable.facts["batch"], *executable.facts["shape"], dtype=kind)
    program = torch.export.export(module, (example.contiguous(memory_format=torch.channels_last),))
    torch.export.save(program, out / "network.pt2")
    device = "cpu" if place.device == "cpu" else f"cuda:{place.index}"
    settings = {"threads": place.threads, "device": device, "precision": precision}
    return Deployment(_CODE, settings, ("numpy", "torch"))
