"""The functions of a library timed one by one, in the network's order and with the network's own arrays."""

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dlas.artifacts import Artifact
from dlas.data import Images
from dlas.errors import BuildFailed
from dlas.host import Place
from dlas.layers.codegen.profiling import Step, midmean
from dlas.layers.codegen.tvm.runner import KERNELS, VirtualMachineRunner

# What the names of kernels begin with.
_SPARSE = ("csr", "bsr")
_INTEGER = "integer"
_MACHINE = "vm."  # begins the names of what the virtual machine does itself: it makes and frees arrays


@dataclass(frozen=True)
class Call:
    """A function of the library and what it was called with.

    `weights` are the bytes that no other function wrote, `shape` is that of the largest array among them.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    weights: int
    shape: tuple[int, ...]
    activations: int


class Called:
    """The first inference runs in the virtual machine and notes the calls; later ones make these calls alone.

    The virtual machine's instrument is not used as a clock: it costs microseconds for each array of a call.
    """

    def __init__(self, executable: Artifact, place: Place) -> None:
        self._runner = VirtualMachineRunner(executable, place, "main")
        self._kernels = json.loads(executable.file(KERNELS).read_text(encoding="utf-8"))["kernels"]
        self._calls: list[Call] = []
        self._taken: list[list[int]] = []

    def feed(self, images: Images) -> None:
        """Copy the batch."""
        self._runner.feed(images)

    def infer(self) -> None:
        """All functions in order."""
        if not self._calls:
            self._first()
            return
        for call, taken in zip(self._calls, self._taken, strict=True):
            function, arguments = call.function, call.arguments
            start = time.perf_counter_ns()
            function(*arguments)
            taken.append(time.perf_counter_ns() - start)

    def _first(self) -> None:
        noted: list[tuple[str, Any, tuple[Any, ...]]] = []

        def note(function: Any, name: str, before: bool, _result: Any, *arguments: Any) -> int:
            """What the machine calls before and after each call; nought tells it to go on."""
            if before and not name.startswith(_MACHINE):
                noted.append((name, function, arguments))
            return 0

        self._runner.machine.set_instrument(note)
        self._runner.infer()
        self._calls = list(_calls(noted, self._runner.fed))
        self._taken = [[] for _ in self._calls]

    def steps(self) -> list[Step]:
        """The library's functions in the order in which they were called."""
        if not all(self._taken):
            raise BuildFailed("TVM's functions were asked for before the second inference")
        # Fusion may change the order of functions, so the list of kernels tells only how many operators there are.
        heaviest = sorted(range(len(self._calls)), key=lambda i: -self._calls[i].weights)[: len(self._kernels)]
        return [_step(call, self._taken[i], i in heaviest) for i, call in enumerate(self._calls)]


def _calls(noted: Sequence[tuple[str, Any, tuple[Any, ...]]], fed: Any) -> Iterator[Call]:
    """The calls with the bytes that they read and write; the last argument is what a function writes."""
    written = {fed.data_ptr()}
    for name, function, arguments in noted:
        arrays = [argument for argument in arguments if hasattr(argument, "data_ptr")]
        written.add(arrays[-1].data_ptr())
        constant = [array.numpy() for array in arrays if array.data_ptr() not in written]
        passed = sum(array.numpy().nbytes for array in arrays if array.data_ptr() in written)
        largest = max(constant, key=lambda array: array.size).shape if constant else ()
        yield Call(name, function, arguments, sum(array.nbytes for array in constant), tuple(largest), passed)


def _step(call: Call, taken: Sequence[int], operator: bool) -> Step:
    plain = re.sub(r"^fused_|\d+", "", call.name)
    kind = "linear" if "linear" in plain else "convolution"
    return Step(
        name=call.name,
        kind=kind if operator else plain,
        seconds=midmean(taken) * 1e-9,
        implementation=plain,
        precision="int8" if plain.startswith(_INTEGER) else "float32",
        sparse=plain.startswith(_SPARSE),
        weights=call.shape if operator else (),
        activations=call.activations,
    )
