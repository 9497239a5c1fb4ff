"""An executable of eager PyTorch without dlas: the module's graph as `torch.export` writes it."""

from pathlib import Path
from typing import TYPE_CHECKING

from dlas import network
from dlas.artifacts import Artifact
from dlas.errors import Inapplicable
from dlas.host import Place
from dlas.layers.codegen import torch_lowered
from dlas.layers.codegen.deploying import Deployment

if TYPE_CHECKING:
    import torch

_CODE = """\
import torch

torch.set_num_threads(settings["threads"])
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
device, kind = torch.device(settings["device"]), getattr(torch, settings["precision"])
layout = getattr(torch, settings["layout"])
module = torch.export.load(HERE / "network.pt2").module().to(device)


@torch.inference_mode()
def infer(images):
    batch = torch.from_numpy(images).to(device, kind).contiguous(memory_format=layout)
    return module(batch).float().cpu().numpy()
"""


def deploy(executable: Artifact, place: Place, out: Path) -> Deployment:
    """Export the module for the executable's batch, in the precision that the network promises.

    Channels last, but for operators that a primitive lowered. Raises Inapplicable where they multiply compressed rows.
    """
    import torch

    precision, (module, layout) = executable.facts["precision"], _module(executable)
    kind, form = getattr(torch, precision), getattr(torch, layout)
    module.to(kind).to(memory_format=form)  # type: ignore[call-overload]
    example = torch.zeros(executable.facts["batch"], *executable.facts["shape"], dtype=kind)
    program = torch.export.export(module, (example.contiguous(memory_format=form),))
    torch.export.save(program, out / "network.pt2")
    device = "cpu" if place.device == "cpu" else f"cuda:{place.index}"
    settings = {"threads": place.threads, "device": device, "precision": precision, "layout": layout}
    return Deployment(_CODE, settings, ("numpy", "torch"))


def _module(executable: Artifact) -> "tuple[torch.nn.Module, str]":
    """The module and the memory format that it runs in."""
    if not torch_lowered.is_lowered(executable):
        return network.rebuild(executable), "channels_last"
    module, _ = torch_lowered.read(executable)
    if torch_lowered.is_sparse(module):
        raise Inapplicable(
            "codegen torch: torch.export cannot write products of compressed rows; "
            "export a cell of another primitive, or one of tvm"
        )
    return module, "contiguous_format"
