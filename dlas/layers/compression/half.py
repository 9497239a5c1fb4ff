"""Weights stored in half precision; half arithmetic only where it is asked for and proven."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from dlas import network
from dlas.artifacts import Artifact
from dlas.layers.compression import Report, initialisers, masks, storage
from dlas.option import parameter

_ARITHMETIC = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}


@dataclass(frozen=True)
class Fp16:
    """Store the operators' weights in float16 (IEEE binary16); the arithmetic stays float32 unless asked for."""

    name: ClassVar = "fp16"
    suggested: ClassVar = ("fp16",)
    packages: ClassVar = ("onnxruntime", "onnx")
    takes_module: ClassVar = False
    leaves_module: ClassVar = True
    last: ClassVar = True

    compute: str = parameter("arithmetic; fp16 is kept where the runtime proves it", "fp32", choices=("fp32", "fp16"))

    @property
    def precision(self) -> str:
        """The arithmetic that is promised."""
        return _ARITHMETIC[self.compute]

    def compress(self, before: Artifact, source: Artifact, out: Path, work: Path, report: Report) -> dict[str, Any]:
        """Round the weights and store them so."""
        return _compress("float16", self.precision, before, source, out)


@dataclass(frozen=True)
class Bf16:
    """Store the operators' weights in bfloat16; the arithmetic stays float32 unless asked for."""

    name: ClassVar = "bf16"
    suggested: ClassVar[tuple[str, ...]] = ()  # as fp16, with less precision
    packages: ClassVar = ("onnxruntime", "onnx")
    takes_module: ClassVar = False
    leaves_module: ClassVar = True
    last: ClassVar = True

    compute: str = parameter("arithmetic; bf16 is kept where the runtime proves it", "fp32", choices=("fp32", "bf16"))

    @property
    def precision(self) -> str:
        """The arithmetic that is promised."""
        return _ARITHMETIC[self.compute]

    def compress(self, before: Artifact, source: Artifact, out: Path, work: Path, report: Report) -> dict[str, Any]:
        """Round the weights and store them so."""
        return _compress("bfloat16", self.precision, before, source, out)


def _compress(kind: str, precision: str, before: Artifact, source: Artifact, out: Path) -> dict[str, Any]:
    """Write file and module with the same rounded weights; the reference stays that of the float32 network."""
    import onnx

    plain = _write_module(kind, before, out) if before.facts["module"] else {}
    weights_size = storage.write_half(before.file(network.ONNX), plain, kind, out / network.ONNX)
    shutil.copyfile(before.file(network.REFERENCE), out / network.REFERENCE)
    folded = initialisers.values(onnx.load(before.file(network.ONNX)))
    halves = {name: storage.rounded(plain.get(name, value), kind) for name, value in folded.items()}
    facts = {**initialisers.counted(before, halves), "precision": precision}
    accuracy = network.accuracies(out / network.ONNX, source) if before.facts["trained"] else None
    return {**facts, "storage": kind, "weights_size": weights_size, "accuracy": accuracy}


def _write_module(kind: str, before: Artifact, out: Path) -> dict[str, Any]:
    """Write the module with its operators' weights in half precision; returns what they were."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copyfile(before.file(network.SHAPES), out / network.SHAPES)
    state = load_file(before.file(network.WEIGHTS))
    plain = masks.weights(network.rebuild(before))
    save_file(state | {name: state[name].to(getattr(torch, kind)) for name in plain}, out / network.WEIGHTS)
    return plain
