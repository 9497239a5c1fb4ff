"""PyTorch's profiler: the operators that a module calls, with all that they call inside."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dlas.data import Images
from dlas.errors import BuildFailed
from dlas.layers.codegen.profiling import Step, midmean

if TYPE_CHECKING:
    from dlas.layers.codegen import Runner

_WIDTHS = {"float": 4, "c10::Half": 2, "c10::BFloat16": 2}
_PRECISIONS = {"float": "float32", "c10::Half": "float16", "c10::BFloat16": "bfloat16"}


class Recorded:
    """A runner under the profiler; each inference is a record of its own."""

    def __init__(self, runner: "Runner", kinds: Mapping[str, str]) -> None:
        self._runner = runner
        self._kinds = kinds
        self._inferences: list[list[list[Any]]] = []

    def feed(self, images: Images) -> None:
        """Into the tensor that the module takes."""
        self._runner.feed(images)

    def infer(self) -> None:
        """One inference in a profile of its own."""
        import torch

        cpu = torch.profiler.ProfilerActivity.CPU
        with torch.profiler.profile(activities=[cpu], record_shapes=True, acc_events=True) as profile:
            self._runner.infer()
        assert profile.profiler is not None
        self._inferences.append(list(_outermost(profile.profiler.kineto_results.events())))

    def steps(self) -> list[Step]:
        """What the module called, in order."""
        if len(self._inferences) < 2:
            raise BuildFailed("PyTorch's profile was read before the second inference")
        return [self._step(calls) for calls in zip(*self._inferences[1:], strict=True)]

    def _step(self, calls: Sequence[list[Any]]) -> Step:
        outer = calls[0][0]
        heavy = next((event for event in calls[0] if event.name() in self._kinds), None)
        named = heavy or outer
        shapes = outer.shapes()
        given = [kind for kind in outer.dtypes() if kind in _PRECISIONS]
        return Step(
            name=outer.name(),
            kind=self._kinds[named.name()] if heavy else outer.name().removeprefix("aten::"),
            seconds=midmean([call[0].duration_ns() for call in calls]) * 1e-9,
            implementation=named.name(),
            precision=_PRECISIONS[given[0]] if given else "unknown",
            weights=tuple(shapes[1]) if heavy and len(shapes) > 1 else (),
            activations=_bytes(shapes[0], given[0]) if shapes and given else 0,
        )


def _bytes(shape: Sequence[int], kind: str) -> int:
    """Bytes that are read; the profiler does not tell the shape of what is written."""
    size = _WIDTHS[kind]
    for side in shape:
        size *= side
    return size


def _outermost(events: Sequence[Any]) -> Iterator[list[Any]]:
    """Each operator that no other operator called, followed by all that it called."""
    group: list[Any] = []
    end = 0
    for event in sorted((e for e in events if e.name().startswith(("aten::", "mkl"))), key=lambda e: e.start_ns()):
        if event.start_ns() >= end:
            if group:
                yield group
            group, end = [], event.start_ns() + event.duration_ns()
        group.append(event)
    if group:
        yield group
