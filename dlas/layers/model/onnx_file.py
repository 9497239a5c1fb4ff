"""A user's own network as an ONNX file: taken as it is, trained elsewhere; it has no torch module."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dlas import data, network
from dlas.artifacts import Artifact
from dlas.errors import DataError
from dlas.layers.model import Report, chance
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
        self, source: Artifact, given: Path | None, text: str, out: Path, work: Path, report: Report
    ) -> dict[str, Any]:
        """Check the file against the data, give it names and a batch size of dlas's, write it."""
        assert given is not None
        place = f"model {text}"
        model = _read(place, given)
        _check_input(place, model, source.facts["shape"])
        _rename(model)
        path = out / network.ONNX
        _write(model, path)
        _check_output(place, path, source)
        _free_batch(place, model, path, source)
        facts = network.save_onnx(out, text, source)
        chance.refuse(place, facts["accuracy"], source)
        return facts
