"""ONNX Runtime's own trace: how long each node of the optimised graph took in each run."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from dlas.data import Images
from dlas.errors import BuildFailed
from dlas.layers.codegen.profiling import Step, midmean

if TYPE_CHECKING:
    import onnxruntime

    from dlas.layers.codegen import Runner

_SUFFIX = "_kernel_time"
_RUN = "model_run"
_BLOCKED = "_nchwc"  # what the layout transformer appends to names
_LOST = 0.5  # the trace holds whole microseconds, rounded down


class Traced:
    """A runner whose session writes a trace; the folder holds the file."""

    def __init__(
        self,
        runner: "Runner",
        session: "onnxruntime.InferenceSession",
        folder: "TemporaryDirectory[str]",
        kinds: Mapping[str, str],
        integer: Collection[str],
    ) -> None:
        self._runner = runner
        self._session = session
        self._folder = folder
        self._kinds = kinds
        self._integer = integer

    def feed(self, images: Images) -> None:
        """Bind the batch."""
        self._runner.feed(images)

    def infer(self) -> None:
        """One run, traced."""
        self._runner.infer()

    def steps(self) -> list[Step]:
        """The nodes in the order in which they ran; the session traces no more."""
        path = Path(self._session.end_profiling())
        runs = list(_runs(json.loads(path.read_text(encoding="utf-8"))))[1:]
        self._folder.cleanup()
        if not runs:
            raise BuildFailed("ONNX Runtime's trace was read before the second inference")
        return [self._step(calls) for calls in zip(*runs, strict=True)]

    def _step(self, calls: Sequence[Mapping[str, Any]]) -> Step:
        facts = calls[0]["args"]
        operator, name = facts["op_name"], calls[0]["name"].removesuffix(_SUFFIX)
        inputs = [shape for entry in facts["input_type_shape"] for shape in entry.values()]
        heavy = operator in self._kinds
        return Step(
            name=name,
            kind=self._kinds.get(operator, operator),
            seconds=(midmean([call["dur"] for call in calls]) + _LOST) * 1e-6,
            implementation=f"{operator} (blocked)" if name.endswith(_BLOCKED) else operator,
            precision="int8" if operator in self._integer else "float32",
            covers=(name.removesuffix(_BLOCKED),),
            weights=_weights(operator, inputs) if heavy else (),
            activations=int(facts["activation_size"]) + int(facts["output_size"]),
        )


def _weights(operator: str, inputs: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Shape of the weights; a quantised operator has scale and zero point before them, a packed one has none."""
    place = 3 if operator.startswith(("QLinear", "QGemm")) else 1
    return tuple(inputs[place]) if len(inputs) > place and len(inputs[place]) > 1 else ()


def _runs(events: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Node events of each run."""
    nodes: list[Mapping[str, Any]] = []
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith(_SUFFIX):
            nodes.append(event)
        elif event["name"] == _RUN:
            yield nodes
            nodes = []
