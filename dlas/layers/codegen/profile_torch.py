"""PyTorch's profiler: the operators that a module calls, with all that they call inside."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dlas.data import Images
from dlas.errors import BuildFailed
from dlas.layers.codegen import torch_lowered
from dlas.layers.codegen.profiling import Step, midmean
from dlas.layers.codegen.torch import precision_of
from dlas.layers.codegen.torch_lowered import RANGE

if TYPE_CHECKING:
    from dlas.layers.codegen import Runner

_COUNTED = ("aten::", "mkl", RANGE)
_WIDTHS = {"float32": 4, "float16": 2, "bfloat16": 2}


class Recorded:
    """A runner under the profiler; each inference is a record of its own."""

    def __init__(self, runner: "Runner", kinds: Mapping[str, str], lowered: Mapping[str, str]) -> None:
        """`kinds` are those of calls; `lowered` those of the operators around which the module has marked ranges."""
        self._runner = runner
        self._kinds = kinds
        self._lowered = lowered
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
        seconds = midmean([call[0].duration_ns() for call in calls]) * 1e-9
        outer = calls[0][0]
        return self._operator(calls[0], seconds) if outer.name().startswith(RANGE) else self._call(calls[0], seconds)

    def _operator(self, called: Sequence[Any], seconds: float) -> Step:
        """All that an operator called which a primitive lowered, its matrix of patches too."""
        kernel = torch_lowered.kernel(called, self._lowered, precision_of)
        return Step(
            name=kernel.operator,
            kind=kernel.kind,
            seconds=seconds,
            implementation=kernel.implementation,
            precision=kernel.precision,
            sparse=kernel.sparse,
            activations=_bytes_read(called[1]),
        )

    def _call(self, called: Sequence[Any], seconds: float) -> Step:
        outer = called[0]
        heavy = next((event for event in called if event.name() in self._kinds), None)
        named = heavy or outer
        shapes = outer.shapes()
        return Step(
            name=outer.name(),
            kind=self._kinds[named.name()] if heavy else outer.name().removeprefix("aten::"),
            seconds=seconds,
            implementation=named.name(),
            precision=precision_of(outer.dtypes()),
            weights=tuple(shapes[1]) if heavy and len(shapes) > 1 else (),
            activations=_bytes_read(outer),
        )


def _bytes_read(event: Any) -> int:
    """Bytes of the first argument; the profiler does not tell the shape of what is written."""
    shapes, width = event.shapes(), _WIDTHS.get(precision_of(event.dtypes()), 0)
    return math.prod(shapes[0]) * width if shapes else 0


def _outermost(events: Sequence[Any]) -> Iterator[list[Any]]:
    """Each call or marked range that lies in no other, followed by all that lies in it."""
    group: list[Any] = []
    end = 0
    for event in sorted((e for e in events if e.name().startswith(_COUNTED)), key=torch_lowered.outermost_first):
        if event.start_ns() >= end:
            if group:
                yield group
            group, end = [], event.start_ns() + event.duration_ns()
        group.append(event)
    if group:
        yield group
