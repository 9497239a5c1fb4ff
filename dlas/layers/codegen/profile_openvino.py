"""OpenVINO's performance counters: one for each node of the graph that the plug-in made for itself."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dlas.data import Images
from dlas.errors import BuildFailed
from dlas.layers.codegen import precision_named
from dlas.layers.codegen.profiling import Step

if TYPE_CHECKING:
    import openvino

    from dlas.layers.codegen import Runner

_ENDS = ("Input", "Output", "Const")
# A counter adds whole microseconds, rounded down: on average half of one is lost in each inference.
_LOST = 0.5
_RESOLUTION = 2e-6  # s: each inference is rounded down, and so is the average of all
_WIDTHS = {"f32": 4, "i32": 4, "f16": 2, "bf16": 2, "i64": 8}


class Counted:
    """A runner whose compiled model counts.

    The counters hold sums since the model was compiled and tell the average, rounded down. The sum of the first
    inference, which is slow, is taken off.
    """

    def __init__(
        self,
        runner: "Runner",
        compiled: "openvino.CompiledModel",
        request: "openvino.InferRequest",
        kinds: Mapping[str, str],
    ) -> None:
        """`kinds` are those of the plug-in's node types."""
        self._runner = runner
        self._compiled = compiled
        self._request = request
        self._kinds = kinds
        self._inferences = 0
        self._first: Mapping[str, float] = {}

    def feed(self, images: Images) -> None:
        """Into the request's own tensor."""
        self._runner.feed(images)

    def infer(self) -> None:
        """One inference; the counters are read after the first."""
        self._runner.infer()
        self._inferences += 1
        if self._inferences == 1:
            self._first = self._sums()

    def steps(self) -> list[Step]:
        """The nodes that ran, in order, with the mean of all inferences but the first."""
        later = self._inferences - 1
        if later < 1:
            raise BuildFailed("OpenVINO's counters were read before the second inference")
        seconds = {
            name: ((total - self._first[name]) / later + _LOST) * 1e-6 if total else 0.0
            for name, total in self._sums().items()
        }
        return list(self._steps(seconds))

    def _sums(self) -> dict[str, float]:
        """Microseconds of each node so far; the average hides up to one for each inference."""
        hidden = (self._inferences - 1) / 2
        averages = {info.node_name: info.real_time.total_seconds() * 1e6 for info in self._request.profiling_info}
        return {name: average and average * self._inferences + hidden for name, average in averages.items()}

    def _steps(self, seconds: Mapping[str, float]) -> Iterator[Step]:
        nodes = {node.get_friendly_name(): node for node in self._compiled.get_runtime_model().get_ops()}
        ordered = sorted(nodes.items(), key=lambda item: int(_fact(item[1], "execOrder")))
        for name, node in ordered:
            implementation, kind = _fact(node, "primitiveType"), _fact(node, "layerType")
            if name not in seconds or kind in _ENDS:
                continue
            covers = tuple(filter(None, _fact(node, "originalLayersNames").split(",")))
            yield Step(
                name=name,
                kind=self._kinds.get(kind, kind),
                seconds=seconds[name],
                implementation=implementation,
                precision=precision_named(implementation),
                sparse="sparse" in implementation,
                covers=covers,
                activations=_activations(node),
                resolution=_RESOLUTION,
            )


def _fact(node: Any, name: str) -> str:
    text: str = node.get_rt_info()[name].astype(str)
    return text


def _activations(node: Any) -> int:
    """Bytes of what other nodes computed and of what this one writes; constants are weights."""
    read = [value.get_source_output() for value in node.inputs()]
    ends = [source for source in read if _fact(source.get_node(), "layerType") != "Const"] + list(node.outputs())
    return sum(_bytes(end) for end in ends)


def _bytes(end: Any) -> int:
    precision = _fact(end.get_node(), "outputPrecisions").split(",")[0]
    size = 1
    for side in end.get_shape():
        size *= side
    return int(size * _WIDTHS.get(precision, 1))
