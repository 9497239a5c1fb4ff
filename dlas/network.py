"""What a network is on disk: ONNX for every code generator, what rebuilds its torch module, counts, a reference.

How a network is made or changed is the business of the model and compression layers.
"""

import json
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlas import data, registry
from dlas.artifacts import Artifact
from dlas.errors import Inapplicable

if TYPE_CHECKING:
    import onnx
    import torch

ONNX = "network.onnx"
SHAPES = "shapes.json"
WEIGHTS = "weights.safetensors"
REFERENCE = "reference.safetensors"
MODULE_FILES = (SHAPES, WEIGHTS)

INPUT, OUTPUT = "input", "logits"
OPSET = 20
REFERENCE_IMAGES = 256
_BATCH = 64
_SHAPE_FIELDS = ("in_channels", "out_channels", "groups", "in_features", "out_features", "num_features")

Logits = NDArray[np.float32]  # (number, classes)


@dataclass(frozen=True)
class Operator:
    """A convolution or linear operator; `macs` are the multiply-adds of one image."""

    name: str
    kind: str
    macs: int
    parameters: int
    nonzeros: int


# --- writing ----------------------------------------------------------------------------------------------------


def save_module(
    module: "torch.nn.Module",
    out: Path,
    model: str,
    source: Artifact,
    trained: bool,
    check: Callable[[Path], None] | None = None,
) -> dict[str, Any]:
    """Write a float32 torch module as a network for the data in `source`; returns its facts.

    `check` is called with the ONNX file before whole sets of images are scored, and may raise.
    """
    from safetensors.torch import save_file

    module.eval()
    shape = source.facts["shape"]
    _export(module, shape, out / ONNX)
    if check:
        check(out / ONNX)
    shapes = {name: _final_shape(child) for name, child in module.named_modules()}
    (out / SHAPES).write_text(json.dumps({k: v for k, v in shapes.items() if v}, indent=1), encoding="utf-8")
    save_file({key: value.contiguous() for key, value in module.state_dict().items()}, out / WEIGHTS)
    values = [value.detach() for value in module.parameters()]
    return {
        **save_onnx(out, model, source, trained),
        "module": True,
        "parameters": sum(value.numel() for value in values),
        "nonzeros": sum(int(value.count_nonzero()) for value in values),
    }


def save_onnx(out: Path, model: str, source: Artifact, trained: bool = True) -> dict[str, Any]:
    """Add to the float32 ONNX file in `out` what makes it a network without a torch module; returns its facts."""
    import onnx
    from onnx import numpy_helper

    path = out / ONNX
    save_reference(out, path, source)
    operators = read_operators(path)
    values = [numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer]
    weights = [value for value in values if value.dtype.kind == "f"]
    return {
        "model": model,
        "shape": source.facts["shape"],
        "classes": source.facts["classes"],
        "precision": "float32",
        "module": False,
        "trained": trained,
        "parameters": sum(value.size for value in weights),
        "nonzeros": sum(int(np.count_nonzero(value)) for value in weights),
        "macs": sum(operator.macs for operator in operators),
        "operators": [asdict(operator) for operator in operators],
        "accuracy": accuracies(path, source) if trained else None,
    }


def _export(module: "torch.nn.Module", shape: list[int], path: Path) -> None:
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations; none is ours to mend
        batch = torch.export.Dim("batch")
        example = (torch.zeros(2, *shape),)
        program = torch.export.export(module, example, dynamic_shapes=({0: batch},))
        exported = torch.onnx.export(
            program, dynamo=True, verbose=False, input_names=[INPUT], output_names=[OUTPUT], opset_version=OPSET
        )
    assert exported is not None
    exported.save(path, external_data=False)


def _final_shape(module: "torch.nn.Module") -> dict[str, int]:
    return {key: value for key in _SHAPE_FIELDS if isinstance(value := getattr(module, key, None), int)}


def save_reference(out: Path, path: Path, source: Artifact) -> None:
    """Keep what ONNX Runtime, its optimisations off, makes of a fixed set of test images."""
    from safetensors.numpy import save_file

    chosen = data.stratified_subset(data.labels(source, "test"), REFERENCE_IMAGES)
    images, _ = data.load(source, "test", chosen)
    save_file({"images": chosen, "logits": run(path, images, optimise=False)}, out / REFERENCE)


def save_quantised_reference(out: Path, before: Artifact, source: Artifact) -> None:
    """Keep the reference of the float32 network, and beside it what the quantised network in `out` itself gives.

    With its optimisations off ONNX Runtime rounds as the file says and multiplies in float32, so nothing saturates.
    """
    from safetensors.numpy import save_file

    chosen, logits = reference(before)
    images, _ = data.load(source, "test", chosen)
    quantised = run(out / ONNX, images, optimise=False)
    save_file({"images": chosen, "logits": logits, "quantised": quantised}, out / REFERENCE)


# --- reading ----------------------------------------------------------------------------------------------------


def rebuild(network: Artifact) -> "torch.nn.Module":
    """The torch module, in evaluation mode; raises Inapplicable for a network that has none."""
    from safetensors.torch import load_file

    module = skeleton(network)
    fill(module, load_file(network.file(WEIGHTS)))
    return module.eval()


def skeleton(network: Artifact) -> "torch.nn.Module":
    """The torch module with weights of the right sizes and no meaning; raises Inapplicable for a network without."""
    facts = network.facts
    if not facts["module"]:
        raise Inapplicable("this network has no torch module")
    (option,) = registry.parse("model", facts["model"])
    module: torch.nn.Module = option.module(tuple(facts["shape"]), facts["classes"])  # type: ignore[attr-defined]
    shapes: Mapping[str, Mapping[str, int]] = json.loads(network.file(SHAPES).read_text(encoding="utf-8"))
    for name, child in module.named_modules():
        for key, value in shapes.get(name, {}).items():
            setattr(child, key, value)
    return module


def fill(module: "torch.nn.Module", weights: Mapping[str, "torch.Tensor"]) -> None:
    """Load weights, whatever the sizes of the parameters and buffers that they take the place of."""
    import torch

    for name, value in weights.items():
        owner = module.get_submodule(name.rpartition(".")[0])
        leaf = name.rpartition(".")[2]
        if getattr(owner, leaf).shape == value.shape:
            continue
        empty = getattr(owner, leaf).new_empty(value.shape)
        setattr(owner, leaf, torch.nn.Parameter(empty) if leaf in owner._parameters else empty)
    module.load_state_dict(weights)


def reference(network: Artifact) -> tuple[NDArray[np.int64], Logits]:
    """Indices of the reference images in the test split, and the reference's logits for them."""
    from safetensors import safe_open

    with safe_open(network.file(REFERENCE), framework="numpy") as file:
        return file.get_tensor("images"), file.get_tensor("logits")


def quantised_reference(network: Artifact) -> Logits:
    """What a quantised network gives for the reference images, in arithmetic that does not saturate."""
    from safetensors import safe_open

    with safe_open(network.file(REFERENCE), framework="numpy") as file:
        return file.get_tensor("quantised")  # type: ignore[no-any-return]


def read_operators(path: Path) -> list[Operator]:
    """The convolutions and linear operators of a float32 ONNX file; products of two activations are none."""
    import onnx

    model = onnx.load(path)
    fix_batch(model, 1)
    graph = onnx.shape_inference.infer_shapes(model).graph
    return list(_operators(graph))


def _operators(graph: "onnx.GraphProto") -> Iterator[Operator]:
    from onnx import numpy_helper

    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    sizes = {value.name: _sizes(value) for value in [*graph.value_info, *graph.output]}
    for node in graph.node:
        weight = weights.get(node.input[1]) if len(node.input) > 1 else None
        if node.op_type not in ("Conv", "Gemm", "MatMul") or weight is None:
            continue
        size = sizes[node.output[0]]
        # Positions to which the weights are applied: pixels of a convolution, tokens of a linear operator.
        positions = math.prod(size[2:] if node.op_type == "Conv" else size[1:-1])
        kind = "linear" if node.op_type != "Conv" else "convolution"
        yield Operator(node.name, kind, weight.size * positions, weight.size, int(np.count_nonzero(weight)))


def _sizes(value: "onnx.ValueInfoProto") -> list[int]:
    return [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]


def fix_batch(model: "onnx.ModelProto", batch: int) -> None:
    """Replace the symbolic batch dimension of an ONNX model by a number, in place."""
    from onnxruntime.tools.onnx_model_utils import make_dim_param_fixed

    dimension = model.graph.input[0].type.tensor_type.shape.dim[0]
    if dimension.dim_param:
        make_dim_param_fixed(model.graph, dimension.dim_param, batch)


def run(path: Path, images: data.Images, optimise: bool = True) -> Logits:
    """The logits of an ONNX file in ONNX Runtime."""
    logits = _session(path, optimise)
    return np.concatenate([logits(images[start : start + _BATCH]) for start in range(0, len(images), _BATCH)])


def accuracies(path: Path, source: Artifact, optimise: bool = True) -> dict[str, float]:
    """Top-1 accuracy on the whole validation and test sets."""
    logits = _session(path, optimise)
    scores = {}
    for split in ("validation", "test"):
        count, right = source.facts["images"][split], 0
        for start in range(0, count, _BATCH):
            images, labels = data.load(source, split, np.arange(start, min(start + _BATCH, count)))
            right += int((logits(images).argmax(1) == labels).sum())
        scores[split] = right / count
    return scores


def _session(path: Path, optimise: bool) -> Callable[[data.Images], Logits]:
    """What gives the logits of a batch, on one thread of ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimise else level.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})[0]
