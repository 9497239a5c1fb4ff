"""How an ONNX file stores weights in fewer bits: a short form, and nodes that make float32 of it when it is loaded."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dlas.errors import BuildFailed, Inapplicable
from dlas.layers.compression import initialisers

if TYPE_CHECKING:
    import onnx

HALVES = {"float16": 65504.0, "bfloat16": 3.38e38}  # kind → largest finite value
CODES = np.indices((4, 4, 4, 4)).reshape(4, -1).T.astype(np.uint8)  # byte → its four codes, the highest bits first
_TABLE = "codes_of_a_byte"
_FITS = 1e-4  # relative; what float32 arithmetic leaves of a factor that explains the folded weights

Floats = NDArray[np.float32]
Weights = Mapping[str, Floats]


def write_half(path: Path, plain: Weights, kind: str, out: Path) -> int:
    """Store the operators' weights of an ONNX file in `float16` or `bfloat16`; returns bytes of all initialisers.

    `plain` are the torch module's weights by parameter, if there is a module: it and the file then hold the same
    values. Raises Inapplicable where a weight is beyond the range.
    """
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(path)
    for name, (value, factor) in _unfolded(initialisers.values(model), plain).items():
        half = numpy_helper.from_array(rounded(value, kind), f"{name}_{kind}")
        cast = helper.make_node("Cast", [half.name], [f"{name}_plain"], to=onnx.TensorProto.FLOAT)
        _replace(model, name, [half], [cast], factor)
    return _save(model, out)


def rounded(value: Floats, kind: str) -> NDArray[Any]:
    """The nearest values in half precision; raises Inapplicable for what is beyond its range."""
    import ml_dtypes

    if np.abs(value).max() > HALVES[kind]:
        raise Inapplicable(f"a weight of this network is {np.abs(value).max():.3g}, beyond the range of {kind}")
    return value.astype(np.float16 if kind == "float16" else ml_dtypes.bfloat16)


def write_ternary(path: Path, plain: Weights, out: Path) -> int:
    """Store the operators' weights that have three values at most in two bits; returns bytes of all initialisers.

    Four weights share a byte. When the file is loaded a table turns a byte into four codes, and the operator's three
    values (zero, the positive, the negative one) turn a code into a weight.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    model.graph.initializer.append(numpy_helper.from_array(CODES.astype(np.int32), _TABLE))
    for name, (value, factor) in _unfolded(initialisers.values(model), plain).items():
        codes, levels = ternary_codes(value)
        if np.array_equal(levels[codes], value):
            _replace(model, name, *_unpacking(name, codes, levels), factor)
    return _save(model, out)


def pack(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Four two-bit codes a byte, the first in the highest bits; the last byte is filled up with zeros."""
    filled = np.pad(codes.ravel(), (0, -codes.size % 4)).reshape(-1, 4)
    packed: NDArray[np.uint8] = np.bitwise_or.reduce(filled << np.array([6, 4, 2, 0], np.uint8), axis=1)
    return packed


def ternary_codes(value: Floats) -> tuple[NDArray[np.uint8], Floats]:
    """Codes 0, 1, 2 of a weight by its sign, and three values: zero, its largest and its smallest one."""
    levels = np.array([0, value.max(initial=0), value.min(initial=0)], np.float32)
    return np.where(value > 0, 1, np.where(value < 0, 2, 0)).astype(np.uint8), levels


def _unpacking(name: str, codes: NDArray[np.uint8], levels: Floats) -> tuple[list[Any], list[Any]]:
    """Initialisers and nodes that give a ternary weight."""
    from onnx import TensorProto, helper, numpy_helper

    constants: dict[str, NDArray[Any]] = {
        f"{name}_packed": pack(codes),
        f"{name}_levels": levels,
        f"{name}_flat": np.array([-1], np.int64),
        f"{name}_from": np.array([0], np.int64),
        f"{name}_to": np.array([codes.size], np.int64),
        f"{name}_shape": np.array(codes.shape, np.int64),
    }
    made = [f"{name}_{step}" for step in ("bytes", "quads", "line", "cut", "codes", "plain")]
    nodes = [
        helper.make_node("Cast", [f"{name}_packed"], [made[0]], to=TensorProto.INT32),
        helper.make_node("Gather", [_TABLE, made[0]], [made[1]]),
        helper.make_node("Reshape", [made[1], f"{name}_flat"], [made[2]]),
        helper.make_node("Slice", [made[2], f"{name}_from", f"{name}_to"], [made[3]]),
        helper.make_node("Reshape", [made[3], f"{name}_shape"], [made[4]]),
        helper.make_node("Gather", [f"{name}_levels", made[4]], [made[5]]),
    ]
    return [numpy_helper.from_array(array, label) for label, array in constants.items()], nodes


def _unfolded(folded: Weights, plain: Weights) -> dict[str, tuple[Floats, Floats | None]]:
    """For each weight of a file what is to be stored, and the factor of each output channel that follows in float32.

    The exporter folds batch normalisation into the weights; stored are the module's own, where there are any.
    """
    return {name: _divided(name, value, plain.get(name)) for name, value in folded.items()}


def _divided(name: str, value: Floats, own: Floats | None) -> tuple[Floats, Floats | None]:
    if own is None or np.array_equal(own, value):
        return value, None
    axes = tuple(range(1, own.ndim))
    power = np.square(own, dtype=np.float64).sum(axes, keepdims=True)
    factor = np.multiply(own, value, dtype=np.float64).sum(axes, keepdims=True) / np.where(power, power, 1)
    if np.abs(own * factor - value).max() > _FITS * np.abs(value).max():
        raise BuildFailed(f"the exporter changed the weight {name} by more than a factor a channel")
    return own, factor.astype(np.float32)


def _replace(
    model: "onnx.ModelProto", name: str, stored: Sequence[Any], nodes: Sequence[Any], factor: Floats | None
) -> None:
    """Let nodes compute what an initialiser held; the last of them gives the weight before its channels' factors."""
    from onnx import helper, numpy_helper

    kept = [tensor for tensor in model.graph.initializer if tensor.name != name]
    added = list(stored)
    last = helper.make_node("Identity", [nodes[-1].output[0]], [name])
    if factor is not None:
        added.append(numpy_helper.from_array(factor, f"{name}_factor"))
        last = helper.make_node("Mul", [nodes[-1].output[0], f"{name}_factor"], [name])
    given = [*nodes, last, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend([*kept, *added])
    model.graph.node.extend(given)


def _save(model: "onnx.ModelProto", out: Path) -> int:
    import onnx
    from onnx import numpy_helper

    onnx.checker.check_model(model)
    onnx.save(model, out)
    return sum(numpy_helper.to_array(tensor).nbytes for tensor in model.graph.initializer)
