"""Torch modules in which a primitive has taken the place of operators: on disk, and what their profile shows."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlas import network as networks
from dlas.artifacts import Artifact
from dlas.layers.codegen import Kernel, Lowering

if TYPE_CHECKING:
    from torch import Tensor, nn

STATE = "lowered.safetensors"
LOWERED = "lowered.json"
RANGE = "operator "  # begins the name of the range around an operator's forward pass
# Calls that multiply → the primitive that such a product is.
_PRODUCTS = {"aten::_sparse_mm": "csr-gemm", "aten::bmm": "gemm", "aten::addmm": "gemm", "aten::mm": "gemm"}
_VALUES = ("weight", "values")
_ROWS = "pointers"  # what compressed rows have and dense ones have not
Precision = Callable[[Sequence[str]], str]


def write(network: Artifact, lowering: Lowering, out: Path) -> dict[str, Any]:
    """The module with its operators lowered, stored in the type of the network's weights; returns the facts."""
    import torch
    from safetensors.torch import save_file

    module, made = networks.rebuild(network), lowering.make()
    names = [name for name, child in _operators(module) if made.takes(child)]
    _replace(module, made, names)
    kind = getattr(torch, network.facts.get("storage", "float32"), torch.float32)
    state = {name: _stored(module, name, value, kind) for name, value in module.state_dict().items()}
    save_file(state, out / STATE)
    shutil.copyfile(network.file(networks.SHAPES), out / networks.SHAPES)
    told = {"lowering": {"name": lowering.name, "parameters": dict(lowering.parameters)}, "operators": names}
    (out / LOWERED).write_text(json.dumps(told), encoding="utf-8")
    return {"weights_size": sum(value.nbytes for value in state.values())}


def _stored(module: "nn.Module", name: str, value: "Tensor", kind: Any) -> "Tensor":
    """Weights in their type, everything else as it is."""
    owner, _, leaf = name.rpartition(".")
    weight = leaf in _VALUES and "Norm" not in type(module.get_submodule(owner)).__name__
    return value.to(kind).contiguous() if weight and value.is_floating_point() else value.contiguous()


def is_lowered(executable: Artifact) -> bool:
    """Whether a primitive has lowered it."""
    return LOWERED in executable.files


def read(executable: Artifact) -> "tuple[nn.Module, dict[str, str]]":
    """The module that `write` wrote, and the kind of each operator by name."""
    from safetensors.torch import load_file

    told = json.loads(executable.file(LOWERED).read_text(encoding="utf-8"))
    module = networks.skeleton(executable)
    kinds = {name: "convolution" if hasattr(child, "kernel_size") else "linear" for name, child in _operators(module)}
    _replace(module, Lowering(**told["lowering"]).make(), told["operators"])
    networks.fill(module, load_file(executable.file(STATE)))
    return module.eval(), kinds


def is_sparse(module: "nn.Module") -> bool:
    """Whether an operator of it multiplies compressed rows."""
    return any(name.rpartition(".")[2] == _ROWS for name, _ in module.named_buffers())


def _operators(module: "nn.Module") -> "Iterator[tuple[str, nn.Module]]":
    from torch import nn

    return ((name, child) for name, child in module.named_modules() if isinstance(child, nn.Conv2d | nn.Linear))


def _replace(module: "nn.Module", made: Any, names: list[str]) -> None:
    from torch import nn

    for name in names:
        child = module.get_submodule(name)
        lowered = made.convolution(child) if isinstance(child, nn.Conv2d) else made.linear(child)
        module.set_submodule(name, lowered)


# --- evidence -----------------------------------------------------------------------------------------------------


def kernels(
    module: "nn.Module", kinds: Mapping[str, str], run: Callable[[], None], precision: Precision
) -> tuple[Kernel, ...]:
    """What each of the operators, in the order in which they ran, called: read from a profile of one run."""
    import torch

    handles = mark(module, kinds)
    with torch.autograd.profiler.profile(record_shapes=True) as profile:
        run()
    for handle in handles:
        handle.remove()
    events = list(profile.kineto_results.events())
    ranges = sorted((e for e in events if e.name().startswith(RANGE)), key=lambda e: e.start_ns())
    return tuple(kernel(_within(events, each), kinds, precision) for each in ranges)


def kernel(called: Sequence[Any], kinds: Mapping[str, str], precision: Precision) -> Kernel:
    """The outermost product among an operator's calls, the first of which is its range.

    A convolution that is none of ours is called by its own name.
    """
    name = called[0].name().removeprefix(RANGE)
    product = next((c for c in called if c.name() in _PRODUCTS or "convolution" in c.name()), called[0])
    primitive = _PRODUCTS.get(product.name(), "")
    unfolded = "aten::im2col + " if any(c.name() == "aten::im2col" for c in called) else ""
    sparse = primitive.startswith("csr")
    return Kernel(name, kinds[name], unfolded + product.name(), precision(product.dtypes()), sparse, primitive)


def mark(module: "nn.Module", names: Iterable[str]) -> list[Any]:
    """Put a range around each of the operators in every profile from now on; the hooks that do so."""
    return [hook for name in names for hook in _marked(module.get_submodule(name), name)]


def _marked(module: "nn.Module", name: str) -> Iterator[Any]:
    """Hooks that put a range of the operator's name around its forward pass."""
    import torch

    opened: list[ExitStack] = []

    def begin(*_: Any) -> None:
        opened.append(ExitStack())
        opened[-1].enter_context(torch.profiler.record_function(RANGE + name))

    def end(*_: Any) -> None:
        opened.pop().close()

    yield module.register_forward_pre_hook(begin)
    yield module.register_forward_hook(end)


def _within(events: list[Any], span: Any) -> list[Any]:
    """What ran during a range, the outermost of nested calls first."""
    first, last = span.start_ns(), span.start_ns() + span.duration_ns()
    return sorted((e for e in events if first <= e.start_ns() < last), key=outermost_first)


def outermost_first(event: Any) -> tuple[int, int]:
    """What to sort the events of a profile by."""
    return event.start_ns(), -event.duration_ns()
