"""From the network's ONNX to a Relax function of constants, convolutions and what lies between them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dlas import network as networks

if TYPE_CHECKING:
    from tvm import ir, relax


def read(path: Path, batch: int) -> "ir.IRModule":
    """The network with a fixed batch as a module whose `main` takes the images and gives the logits."""
    import onnx
    from tvm import ir, relax
    from tvm.relax.frontend.onnx import from_onnx

    model = onnx.load(path)
    networks.fix_batch(model, batch)
    imported = from_onnx(model, keep_params_in_input=False)
    passes = relax.transform
    simplify = ir.transform.Sequential(
        [
            passes.CanonicalizeBindings(),
            passes.FoldConstant(),
            passes.DeadCodeElimination(),
        ]
    )
    return simplify(imported)


def bindings(function: "relax.Function") -> "list[tuple[relax.Var, Any]]":
    """Variables and their values, in order."""
    return [(binding.var, binding.value) for block in function.body.blocks for binding in block.bindings]


def constant(expression: Any) -> "np.ndarray[Any, Any] | None":
    """The array of a constant, None for anything else."""
    from tvm import ir

    held: Any = expression.value if isinstance(expression, ir.GenericConst) else None
    return held.numpy() if hasattr(held, "numpy") else None
