"""Post-training quantisation to eight bits, as one QDQ network that every runtime understands."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dlas import data, network
from dlas.artifacts import Artifact
from dlas.errors import Inapplicable
from dlas.layers.compression import Report, initialisers, masks, quantisers
from dlas.option import parameter

if TYPE_CHECKING:
    from dlas.host import Host
    from dlas.stack import Stack

QUANTIZERS = ("onnxruntime", "nncf")


@dataclass(frozen=True)
class Int8:
    """Quantise weights (signed, per channel) and activations after calibration on training images."""

    name: ClassVar = "int8"
    suggested: ClassVar = ("int8",)
    packages: ClassVar = ("onnxruntime", "onnx")
    takes_module: ClassVar = False
    leaves_module: ClassVar = False
    last: ClassVar = True
    precision: ClassVar = "int8"

    calibration: int = parameter("training images that set the ranges", 128, low=1)
    quantizer: str = parameter("what quantises; nncf suits OpenVINO", "onnxruntime", choices=QUANTIZERS)
    bits: int = parameter("of a weight; with 7 no sum saturates on a processor without VNNI", 8, low=7, high=8)
    method: str = parameter("how ranges follow from what was seen", "minmax", choices=tuple(quantisers.METHODS))

    def needs(self, stack: "Stack", host: "Host") -> str | None:
        """NNCF is another package, and has its own estimators of ranges."""
        from dlas.fingerprint import package_version

        if self.quantizer != "nncf":
            return None
        if self.method != "minmax":
            return f"nncf sets ranges its own way, not by {self.method}; leave method out, or use quantizer=onnxruntime"
        if package_version("nncf") is None:
            return "compression int8@quantizer=nncf needs the package nncf; install dlas[all], or nncf alone"
        return None

    def compress(self, before: Artifact, source: Artifact, out: Path, work: Path, report: Report) -> dict[str, Any]:
        """Calibrate on training images, write the QDQ network; the float32 reference stays, its own comes beside it."""
        import onnx

        images = self._images(source)
        report({"doing": "calibrate"})
        if self.quantizer == "nncf":
            quantisers.by_nncf(before.file(network.ONNX), out / network.ONNX, images, self.bits)
        else:
            quantisers.by_onnxruntime(before.file(network.ONNX), out / network.ONNX, images, self.method, self.bits)
        network.save_quantised_reference(out, before, source)
        wanted = initialisers.names(onnx.load(before.file(network.ONNX)))
        weights = quantisers.stored_weights(out / network.ONNX, wanted)
        facts = initialisers.counted(before, weights)
        trained = before.facts["trained"]
        # Optimised kernels saturate on some processors: that is the executables' accuracy, not the network's.
        accuracy = network.accuracies(out / network.ONNX, source, optimise=False) if trained else None
        return {
            **facts,
            "precision": "int8",
            "storage": "int8",
            "module": False,
            "accuracy": accuracy,
            "calibration_images": len(images),
            "weight_bits": self.bits,
            "sparsity": masks.sparsity(weights),
        }

    def _images(self, source: Artifact) -> data.Images:
        """What sets the ranges; raises Inapplicable where the data have fewer calibration images."""
        stored = source.facts["calibration"]
        if self.calibration > stored:
            raise Inapplicable(
                f"compression int8: calibration={self.calibration} is more than the {stored} calibration images of "
                f"dataset {source.recipe['option']}; give calibration={stored} or less"
            )
        return data.load(source, "calibration", np.arange(self.calibration))[0]
