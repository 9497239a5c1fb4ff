"""A user's own network as an ONNX file: taken as it is, trained elsewhere; it has no torch module."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dlas import data, network, sanity
from dlas.artifacts import Artifact
from dlas.errors import DataError
from dlas.layers.model import Report
from dlas.option import parameter

if TYPE_CHECKING:
    import onnx

CLOSE = 1e-4


@dataclass(frozen=True)
class OnnxFile:
    """Your own trained network in an ONNX file: one float32 input NCHW, one output with a number for each class.

    Code generators that need a torch module, and techniques that change one, cannot be used with it.
    """

    name: ClassVar = "onnx"
    suggested: ClassVar[tuple[str, ...]] = ()
    packages: ClassVar = ("onnx", "onnxruntime")
    leaves_module: ClassVar = False

    file: str = parameter("name of the network, or path of the .onnx file", positional=True, locator=True)

    def make(
        self, source: Artifact, given: Mapping[str, Path], text: str, out: Path, work: Path, report: Report
    ) -> dict[str, Any]:
        """Check the file against the data, give it the names and the free batch that dlas expects, write it."""
        import onnx

        place, path = f"model {text}", out / network.ONNX
        model = _read(place, given[self.file])
        _check_input(place, model, source.facts["shape"])
        _rename(model)
        _settle_sizes(model, source.facts["shape"])
        onnx.save(model, path)
        _check_batch(place, path, source)
        sanity.check(text, path, source)
        return network.save_onnx(out, text, source)


def _read(place: str, path: Path) -> "onnx.ModelProto":
    """The file's network; raises DataError where it is none, or not of one float32 input and one output."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(path, load_external_data=False)
        _check_whole(place, path, model)
        onnx.checker.check_model(model)
    except (OSError, ValueError, DecodeError, onnx.checker.ValidationError) as problem:
        reason = str(problem).partition("\n")[0]
        raise DataError(f"{place}: {path} is no valid ONNX file ({reason}); export the network again") from problem
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if (len(inputs), len(model.graph.output)) != (1, 1):
        found = f"{len(inputs)} inputs and {len(model.graph.output)} outputs"
        raise DataError(f"{place}: {path} has {found}; export it with one of each")
    if {node.op_type for node in model.graph.node} & {"QuantizeLinear", "DequantizeLinear"}:
        raise DataError(f"{place}: {path} is quantised already; give the float32 network, and compression int8")
    # Old files list their constants among the inputs.
    while len(model.graph.input) > 1:
        model.graph.input.remove(next(value for value in model.graph.input if value.name in constants))
    return model


def _check_whole(place: str, path: Path, model: "onnx.ModelProto") -> None:
    """Raise DataError where weights lie in other files, whose content the key would not tell."""
    from onnx.external_data_helper import uses_external_data

    if any(uses_external_data(tensor) for tensor in model.graph.initializer):
        remedy = "export it with external_data=False, or save it by onnx.save(onnx.load(PATH), NEW)"
        raise DataError(f"{place}: {path} has its weights in another file; {remedy}")


def _check_input(place: str, model: "onnx.ModelProto", shape: Sequence[int]) -> None:
    """Raise DataError unless the input is float32 and (batch, channels, height, width) of the data."""
    import onnx

    kind = model.graph.input[0].type.tensor_type
    if kind.elem_type != onnx.TensorProto.FLOAT:
        given = onnx.TensorProto.DataType.Name(kind.elem_type).lower()
        raise DataError(f"{place}: its input is {given}; export it with a float32 input")
    sizes = [dimension.dim_value for dimension in kind.shape.dim]  # 0 stands for a free size
    channels, *pixels = shape
    if len(sizes) == 4 and _fits(sizes[1:], shape):
        return
    shown = "x".join(str(size or "?") for size in sizes)
    if len(sizes) == 4 and _fits(sizes[1:], [*pixels, channels]):
        raise DataError(f"{place}: its input {shown} has the channels last; export it with the channels first (NCHW)")
    wanted = "x".join(map(str, ("batch", *shape)))
    raise DataError(f"{place}: its input is {shown}, the data are {wanted}; image-folder has size= and crop=")


def _fits(sizes: Sequence[int], shape: Sequence[int]) -> bool:
    return all(size in (0, wanted) for size, wanted in zip(sizes, shape, strict=True))


def _rename(model: "onnx.ModelProto") -> None:
    """Give input and output the names that dlas's networks have; another tensor of such a name makes way."""
    names = {model.graph.input[0].name: network.INPUT, model.graph.output[0].name: network.OUTPUT}
    taken = {name: f"{name}_of_file" for name in (network.INPUT, network.OUTPUT) if name not in names}
    names = {**taken, **names}
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.name = names.get(value.name, value.name)
    del model.graph.value_info[:]  # sizes that hold for the file's own batch


def _settle_sizes(model: "onnx.ModelProto", shape: Sequence[int]) -> None:
    """Make the batch symbolic, also where the file fixes it, and the sizes of images those of the data."""
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    for dimension, size in zip(model.graph.input[0].type.tensor_type.shape.dim[1:], shape, strict=True):
        dimension.dim_value = size


def _check_batch(place: str, path: Path, source: Artifact) -> None:
    """Raise DataError unless two images together give what each gives alone."""
    from onnxruntime.capi import onnxruntime_pybind11_state as problems

    images = data.load(source, "test", np.arange(2))[0]
    remedy = "export it with a free batch (dynamic_axes or dynamic_shapes)"
    try:
        together = network.run(path, images, optimise=False)
    except (problems.Fail, problems.InvalidArgument, problems.RuntimeException) as problem:
        reason = str(problem).partition("\n")[0]
        raise DataError(f"{place}: it does not take two images at once ({reason}); {remedy}") from problem
    alone = np.concatenate([network.run(path, images[[index]], optimise=False) for index in range(2)])
    if together.shape != (2, source.facts["classes"]):
        wanted = (2, source.facts["classes"])
        raise DataError(f"{place}: its output for two images has the shape {together.shape}; it must be {wanted}")
    if np.abs(together - alone).max() > CLOSE * max(1.0, float(np.abs(alone).max())):
        raise DataError(f"{place}: two images together give other results than each alone; {remedy}")
