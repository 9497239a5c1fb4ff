"""The quantisers behind `int8`, and what they stored. Each writes ONNX with QuantizeLinear and DequantizeLinear."""

import logging
import re
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from dlas import network
from dlas.data import Images
from dlas.errors import BuildFailed
from dlas.layers.compression.initialisers import WEIGHTED

FULL = 8  # bits of a weight; with one less, two products of eight-bit numbers fit into the 16 bits of AVX2's sums
METHODS = {"minmax": "MinMax", "percentile": "Percentile", "entropy": "Entropy"}
_FUSED = re.compile(r"(?:ConvBnFusion_W|ConvMulFusion_W|MatMulBnFusion_GemmB)_(.+?)(?:_token_\d+)?")


def by_onnxruntime(path: Path, out: Path, images: Images, method: str, bits: int) -> None:
    """ONNX Runtime's static quantiser; `bits` of a weight are 8 or 7."""
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
            reduce_range=bits < FULL,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=getattr(quantization.CalibrationMethod, METHODS[method]),
            extra_options={"WeightSymmetric": True, "ActivationSymmetric": False},
        )


class _Reader:
    """What ONNX Runtime asks calibration images from: one at a time, None at the end."""

    def __init__(self, images: Images) -> None:
        self._images: Iterator[Images] = iter(images[:, None])

    def get_next(self) -> dict[str, Images] | None:
        image = next(self._images, None)
        return None if image is None else {network.INPUT: image}


def by_nncf(path: Path, out: Path, images: Images, bits: int) -> None:
    """NNCF's post-training quantisation for the CPU; without `target_device` it leaves operators in float32."""
    import nncf  # type: ignore[import-untyped]
    import onnx

    nncf.set_log_level(logging.ERROR)
    model = onnx.load(path)
    calibration = nncf.Dataset([{network.INPUT: image} for image in images[:, None]])
    quantised = nncf.quantize(
        model,
        calibration,
        preset=nncf.QuantizationPreset.PERFORMANCE,
        target_device=nncf.TargetDevice.CPU,
        subset_size=len(images),
        # In full range NNCF spares the first convolution only.
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            overflow_fix=nncf.OverflowFix.ENABLE if bits < FULL else nncf.OverflowFix.FIRST_LAYER
        ),
    )
    onnx.save(quantised, out)


def stored_weights(path: Path, wanted: Collection[str]) -> dict[str, NDArray[Any]]:
    """Integers of each operator's weight, by what it was called: one of `wanted`, the operators' initialisers.

    Products of two activations have no weight. Raises BuildFailed where a wanted one is not stored in eight bits.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    integers = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    stored = {tensor.name: tensor for tensor in model.graph.initializer if tensor.data_type in integers}
    makers = {output: node for node in model.graph.node for output in node.output}
    inputs = [node.input[1] for node in model.graph.node if node.op_type in WEIGHTED]
    names = [source for name in inputs if name in makers for source in makers[name].input[:1]]
    found = {_original(name, wanted): numpy_helper.to_array(stored[name]) for name in names if name in stored}
    missing = [name for name in wanted if name not in found]
    if missing:
        raise BuildFailed(f"the quantiser did not store the weight {missing[0]} in eight bits; try another quantizer=")
    return {name: found[name] for name in wanted}


def _original(stored: str, wanted: Collection[str]) -> str:
    """What a weight was called before ONNX Runtime (`NAME_quantized`) or NNCF (`q_output_NAME_1`) renamed it.

    ONNX Runtime also prefixes those into which it folded a batch normalisation or a factor.
    """
    match = re.fullmatch(r"(.+)_quantized|q_output_(.+)_\d+", stored)
    name = (match[1] or match[2]) if match else stored
    while name not in wanted and (fused := _FUSED.fullmatch(name)):
        name = fused[1]
    return name
