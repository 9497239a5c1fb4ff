"""Post-training quantisation to eight bits, as one QDQ network that every runtime understands."""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from dlas import data, network
from dlas.artifacts import Artifact
from dlas.layers.compression import Report
from dlas.option import parameter


@dataclass(frozen=True)
class Int8:
    """Quantise weights (signed, per channel) and activations (unsigned) by ONNX Runtime's static quantiser."""

    name: ClassVar = "int8"
    suggested: ClassVar = ("int8",)
    packages: ClassVar = ("onnxruntime", "onnx")
    takes_module: ClassVar = False
    leaves_module: ClassVar = False

    calibration: int = parameter("training images that set the ranges", 128, low=1)

    def compress(self, before: Artifact, source: Artifact, out: Path, work: Path, report: Report) -> dict[str, Any]:
        """Calibrate on training images by their minimum and maximum, write the QDQ network."""
        images, _ = data.load(source, "calibration")
        report({"doing": "calibrate"})
        _quantise(before.file(network.ONNX), out / network.ONNX, images[: self.calibration])
        shutil.copyfile(before.file(network.REFERENCE), out / network.REFERENCE)
        facts = {**before.facts, "precision": "int8", "module": False}
        if before.facts["trained"]:
            facts["accuracy"] = network.accuracies(out / network.ONNX, source)
        return facts


def _quantise(path: Path, out: Path, images: data.Images) -> None:
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    logging.disable(logging.WARNING)
    # Unsigned asymmetric activations: signed ones run up to 2.9 times slower in ONNX Runtime.
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / network.ONNX
        quant_pre_process(str(path), str(prepared))
        quantization.quantize_static(
            str(prepared),
            str(out),
            _Reader(images),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            extra_options={"WeightSymmetric": True, "ActivationSymmetric": False},
        )


class _Reader:
    """What ONNX Runtime asks calibration images from: one at a time, None at the end."""

    def __init__(self, images: data.Images) -> None:
        self._images: Iterator[data.Images] = iter(images[:, None])

    def get_next(self) -> dict[str, data.Images] | None:
        image = next(self._images, None)
        return None if image is None else {network.INPUT: image}
