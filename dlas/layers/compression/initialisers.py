"""The weights in an ONNX file itself: reading them, and pruning them without a torch module and without training."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlas import network
from dlas.artifacts import Artifact
from dlas.layers.compression import masks
from dlas.layers.compression.masks import Masks, Scores

if TYPE_CHECKING:
    import onnx

WEIGHTED = ("Conv", "Gemm", "MatMul")


def names(model: "onnx.ModelProto") -> list[str]:
    """The initialiser that each convolution and linear operator takes its float32 weight from, in their order."""
    import onnx

    stored = {tensor.name for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT}
    inputs = [node.input[1] for node in model.graph.node if node.op_type in WEIGHTED and len(node.input) > 1]
    return [name for name in inputs if name in stored]


def values(model: "onnx.ModelProto") -> dict[str, NDArray[np.float32]]:
    """These weights by the name of the initialiser."""
    from onnx import numpy_helper

    wanted = set(names(model))
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer if t.name in wanted}


def prune(before: Artifact, source: Artifact, out: Path, keep: Callable[[Scores], Masks]) -> dict[str, Any]:
    """Zero the weights that `keep` does not keep; returns the facts of the network written to `out`."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(before.file(network.ONNX))
    found = values(model)
    stays = keep(found)
    pruned = {name: np.where(stays[name], value, np.float32(0)) for name, value in found.items()}
    for tensor in model.graph.initializer:
        if tensor.name in pruned:
            tensor.CopyFrom(numpy_helper.from_array(pruned[tensor.name], tensor.name))
    onnx.save(model, out / network.ONNX)
    network.save_reference(out, out / network.ONNX, source)
    operators = [asdict(operator) for operator in network.read_operators(out / network.ONNX)]
    lost = sum(np.count_nonzero(found[name]) - np.count_nonzero(pruned[name]) for name in found)
    return {
        **before.facts,
        "nonzeros": before.facts["nonzeros"] - int(lost),
        "operators": operators,
        "sparsity": masks.sparsity(pruned),
        "accuracy": network.accuracies(out / network.ONNX, source) if before.facts["trained"] else None,
    }


def counted(before: Artifact, weights: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Facts of a network with the nonzeros of its operators' weights, given by initialiser, as they are now."""
    import onnx

    facts = before.facts
    now = [int(np.count_nonzero(weights[name])) for name in names(onnx.load(before.file(network.ONNX)))]
    operators = [{**o, "nonzeros": n} for o, n in zip(facts["operators"], now, strict=True)]
    lost = sum(operator["nonzeros"] for operator in facts["operators"]) - sum(now)
    return {**facts, "operators": operators, "nonzeros": facts["nonzeros"] - lost}
