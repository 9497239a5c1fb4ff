"""Structured pruning inside operators: whole blocks of weights become zero, as a block-sparse primitive wants them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dlas import network
from dlas.artifacts import Artifact
from dlas.errors import Inapplicable
from dlas.layers.compression import Report, finetune, masks
from dlas.layers.compression.masks import Masks
from dlas.option import parameter

BLOCKS = ("4x1", "8x1", "16x1", "32x1", "1x4", "1x8", "1x16", "4x4", "8x8", "16x16")


@dataclass(frozen=True)
class BlockPrune:
    """Zero the blocks of least L1 norm of each operator's matrix, OC rows by IC*KH*KW columns."""

    name: ClassVar = "block-prune"
    suggested: ClassVar[tuple[str, ...]] = ()  # nothing to see without a block-sparse primitive
    packages: ClassVar = ("torch", "onnxscript", "onnxruntime")
    takes_module: ClassVar = True
    leaves_module: ClassVar = True
    without_module: ClassVar = "give the network as a Python factory (model python@package.module:function)"

    sparsity: float = parameter("share of the blocks that become zero", positional=True, low=0, high=1, open=True)
    block: str = parameter("rows x columns of a block", "16x1", choices=BLOCKS)
    scope: str = parameter("ranked all together, or in each operator", "global", choices=masks.SCOPES)
    finetune: int = parameter("fine-tuning budget in images", finetune.BUDGET, low=0)

    def compress(self, before: Artifact, source: Artifact, out: Path, work: Path, report: Report) -> dict[str, Any]:
        """Zero, fine-tune under the mask, write the network; raises Inapplicable where no operator has whole blocks."""
        module = network.rebuild(before)
        rows, columns = (int(side) for side in self.block.split("x"))
        fitting = {
            f"{name}.weight": child.weight.detach().numpy()
            for name, child in masks.operators(module).items()
            if getattr(child, "groups", 1) == 1 and _fits(child.weight.detach().numpy(), rows, columns)
        }
        if not fitting:
            raise Inapplicable(
                f"no operator of this network is a whole number of {self.block} blocks; try a smaller one"
            )
        masks.clear(module, keep(fitting, self.sparsity, self.scope, rows, columns))
        with masks.held(module):
            facts = finetune.recover(module, before, source, self.finetune, work, report)
        facts |= {"block": self.block, "sparsity": masks.sparsity(masks.weights(module))}
        return finetune.save(module, before, source, out, report, **facts)


def keep(values: masks.Scores, share: float, scope: str, rows: int, columns: int) -> Masks:
    """Which weights stay when the blocks of least mean magnitude go; every weight is a whole number of blocks."""
    norms = {name: np.abs(blocks(value, rows, columns)).mean((1, 3)) for name, value in values.items()}
    stays = masks.keep(norms, share, scope)
    return {name: stays[name].repeat(rows, 0).repeat(columns, 1).reshape(value.shape) for name, value in values.items()}


def blocks(weight: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """The matrix of a weight (OIHW or OI) cut into blocks: block row, row, block column, column."""
    matrix = weight.reshape(len(weight), -1)
    return matrix.reshape(len(matrix) // rows, rows, matrix.shape[1] // columns, columns)


def _fits(weight: NDArray[Any], rows: int, columns: int) -> bool:
    return len(weight) % rows == 0 and (weight.size // len(weight)) % columns == 0
