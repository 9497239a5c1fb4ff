"""ONNX Runtime's own trace: how long each node of the optimised graph took in each run."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from dlas.data import Images
from dlas.errors import BuildFailed
from dlas.layers.codegen.onnxruntime import IR
from dlas.layers.codegen.profiling import Step, midmean
from dlas.network import OPSET

if TYPE_CHECKING:
    import onnxruntime

    from dlas.layers.codegen import Runner

Source = tuple["Runner", "onnxruntime.InferenceSession"]

_SUFFIX = "_kernel_time"
_RUN = "model_run"
_BLOCKED = "_nchwc"  # what the layout transformer appends to names
_TRIVIAL_RUNS = 40
_RESOLUTION = 1e-6  # s


class Traced:
    """A runner whose session writes a trace.

    The trace's times hold what writing it costs, microseconds a node. That is measured on a node that does nothing to
    speak of, with as many inputs as a convolution has, and taken off; never more than the least node takes.
    """

    def __init__(
        self,
        model: Path,
        load: Callable[[Path | bytes, str], Source],
        kinds: Mapping[str, str],
        integer: Collection[str],
    ) -> None:
        """`load` gives a model's runner and session, which writes its trace into a folder."""
        self._folder = TemporaryDirectory()
        self._runner, self._session = load(model, self._folder.name)
        self._kinds = kinds
        self._integer = integer
        trivial, session = load(_trivial(), self._folder.name)
        trivial.feed(np.zeros(1, np.float32))
        for _ in range(_TRIVIAL_RUNS):
            trivial.infer()
        self._cost = midmean([node["dur"] for (node,) in _traced_runs(session)])

    def feed(self, images: Images) -> None:
        """Bind the batch."""
        self._runner.feed(images)

    def infer(self) -> None:
        """One run, traced."""
        self._runner.infer()

    def steps(self) -> list[Step]:
        """The nodes in the order in which they ran; the session traces no more."""
        runs = _traced_runs(self._session)
        self._folder.cleanup()
        if not runs:
            raise BuildFailed("ONNX Runtime's trace was read before the second inference")
        nodes = list(zip(*runs, strict=True))
        taken = [midmean([call["dur"] for call in calls]) for calls in nodes]
        cost = min(self._cost, *taken)
        return [self._step(calls[0], max(0.0, each - cost)) for calls, each in zip(nodes, taken, strict=True)]

    def _step(self, node: Mapping[str, Any], microseconds: float) -> Step:
        facts = node["args"]
        operator, name = facts["op_name"], node["name"].removesuffix(_SUFFIX)
        inputs = [shape for entry in facts["input_type_shape"] for shape in entry.values()]
        heavy = operator in self._kinds
        return Step(
            name=name.removesuffix(_BLOCKED),
            kind=self._kinds.get(operator, operator),
            seconds=microseconds * 1e-6,
            implementation=f"{operator} (blocked)" if name.endswith(_BLOCKED) else operator,
            precision="int8" if operator in self._integer else "float32",
            covers=(name.removesuffix(_BLOCKED),),
            weights=_weights(operator, inputs) if heavy else (),
            activations=int(facts["activation_size"]) + int(facts["output_size"]),
            resolution=_RESOLUTION,
        )


def _weights(operator: str, inputs: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Shape of the weights; a quantised operator has scale and zero point before them, a packed one has none."""
    place = 3 if operator.startswith(("QLinear", "QGemm")) else 1
    return tuple(inputs[place]) if len(inputs) > place and len(inputs[place]) > 1 else ()


def _trivial() -> bytes:
    """A network of one node that takes three numbers and gives one."""
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "abcd"]
    graph = helper.make_graph([helper.make_node("Clip", ["a", "b", "c"], ["d"])], "trivial", ends[:1], ends[3:])
    graph.initializer.extend(
        helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in (("b", -1.0), ("c", 1.0))
    )
    written: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR
    ).SerializeToString()
    return written


def _traced_runs(session: "onnxruntime.InferenceSession") -> list[list[Mapping[str, Any]]]:
    """Node events of all runs but the first; the session traces no more."""
    return list(_runs(json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))))[1:]


def _runs(events: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Node events of each run."""
    nodes: list[Mapping[str, Any]] = []
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith(_SUFFIX):
            nodes.append(event)
        elif event["name"] == _RUN:
            yield nodes
            nodes = []
