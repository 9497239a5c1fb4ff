"""Compressed rows: the lowerings of csr-direct, csr-gemm and csr-spatial-pack, one kernel on three layouts of planes.

Sparse operators take and give NCHW. Where they move most of a network's activations, everything between operators is
NCHW: depthwise convolutions run on planes, other dense operators give a copy. Elsewhere sparse operators get copies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any

import numpy as np

from dlas.layers.primitive.tvm import csr_kernel, csr_planes, csr_rows
from dlas.layers.primitive.tvm.csr_planes import Layout, Planes
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.tensorir.choices import SITE
from dlas.tensorir.emitter import Emitter, Lowered, Value
from dlas.tensorir.layout import PLAIN
from dlas.tensorir.operators import Convolution, Linear

DENSE = SpatialPack()
PLANAR = "direct"  # what a depthwise convolution on planes is


@dataclass(frozen=True)
class Csr:
    """A sparse primitive: its name, its planes, and the sparsity from which on it is used."""

    name: str
    layout: Layout
    threshold: float
    planar: bool = False

    def planned(self, operators: Sequence[Convolution | Linear]) -> "Csr":
        """Whether activations are planar: where sparse convolutions read and write more than dense ones."""
        moved = {True: 0, False: 0}
        for operator in operators:
            if isinstance(operator, Convolution) and not operator.depthwise:
                moved[self._sparse(operator)] += prod(operator.image) + prod(operator.output)
        return replace(self, planar=moved[True] > moved[False])

    def _sparse(self, operator: Convolution | Linear) -> bool:
        return csr_rows.sparsity(operator.weights) >= self.threshold

    def convolution(self, emitter: Emitter, operator: Convolution, image: Value) -> Lowered:
        """Compressed rows times planes, where enough is zero."""
        if operator.depthwise and self.planar:
            var, detail = multiply(emitter, operator, emitter.reblocked(image, PLAIN).var, csr_planes.whole)
            return Lowered(Value(var, operator.output), PLANAR, f"planes {detail}")
        if operator.depthwise or not self._sparse(operator):
            done = DENSE.convolution(emitter, operator, image)
            return replace(done, value=emitter.reblocked(done.value, PLAIN)) if self.planar else done
        var, detail = multiply(emitter, operator, emitter.reblocked(image, PLAIN).var, self.layout)
        return Lowered(Value(var, operator.output), self.name, detail, sparse=True)

    def linear(self, emitter: Emitter, operator: Linear, rows: Value) -> Lowered:
        """A 1x1 convolution of an image that has a pixel for each row."""
        if not self._sparse(operator):
            return DENSE.linear(emitter, operator, rows)
        inputs, outputs = operator.weights.shape
        weights = np.ascontiguousarray(operator.weights.T).reshape(outputs, inputs, 1, 1)
        image = emitter.compute("columns", _columns(inputs, operator.rows), rows.var)
        emitter.copies += [4 * operator.rows * inputs, 4 * operator.rows * outputs]
        var, detail = multiply(emitter, Convolution(weights, (1, inputs, 1, operator.rows)), image, self.layout)
        var = emitter.compute("rows", _rows(operator.rows, outputs), var)
        return Lowered(Value(var, (operator.rows, outputs)), self.name, detail, sparse=True)


CsrDirect = partial(Csr, "csr-direct", csr_planes.whole)
CsrGemm = partial(Csr, "csr-gemm", csr_planes.patches)
CsrSpatialPack = partial(Csr, "csr-spatial-pack", csr_planes.slabs)


def multiply(emitter: Emitter, operator: Convolution, image: Any, layout: Layout) -> tuple[Any, str]:
    """The kernel on a plain image; its output, and the slabs and vectors of a tile in words."""
    planes = _planes(emitter, operator, layout)
    rows = csr_rows.compressed(operator, planes)
    function = csr_kernel.csr(operator, planes, rows.values.size, emitter)
    inputs = [image, rows.values, rows.offsets, rows.pointers]
    var = emitter.kernel("csr", function, inputs, operator.output)
    widest = max(group.vectors for group in csr_kernel.tiles(planes, emitter.machine.registers))
    return var, f"{planes.height}x{widest}"


def _planes(emitter: Emitter, operator: Convolution, layout: Layout) -> Planes:
    """The layout's planes, with the slabs and tiles that were chosen."""
    machine = emitter.machine
    planes = layout(operator, machine)
    others = partial(csr_planes.variants, operator, planes, layout, machine.registers)
    taken = emitter.choices.pick({"height": planes.height, "most": 0}, others)
    return replace(csr_planes.picked(operator, planes, taken), site=taken.get(SITE, -1))


def _columns(inputs: int, rows: int) -> Any:
    """N, C as 1, C, 1, N."""

    def expression(tensor: Any) -> Any:
        from tvm import te

        return te.compute((1, inputs, 1, rows), lambda _, c, __, n: tensor[n, c], name="columns")

    return expression


def _rows(rows: int, outputs: int) -> Any:
    """1, C, 1, N as N, C."""

    def expression(tensor: Any) -> Any:
        from tvm import te

        return te.compute((rows, outputs), lambda n, c: tensor[0, c, 0, n], name="rows")

    return expression
