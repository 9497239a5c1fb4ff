"""The child that compiles candidate kernels and times them beside the default: a crash in it costs one trial."""

import math
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dlas import process
from dlas.errors import BuildFailed
from dlas.measure.clocks import Repetition, ThreadClock, repeat
from dlas.process import Message

Call = Callable[[], Any]
READING = 1_000_000  # ns between two readings of the clocks, at least
ROUNDS = 25
LONGEST = 0.5  # s for all rounds, unless they would be fewer than the least
LEAST = 5
_ENOUGH = 0.5  # share of pairs without a context switch from which only those count


def race(first: Call, second: Call) -> Message:
    """Seconds of both, and the second's time over the first's: median over pairs, who comes first alternates."""
    inner = {call: _inner(call) for call in (first, second)}
    pairs: list[tuple[Repetition, Repetition]] = []
    begin = time.thread_time()
    while len(pairs) < ROUNDS and (len(pairs) < LEAST or time.thread_time() - begin < LONGEST):
        order = (first, second) if len(pairs) % 2 else (second, first)
        found = {call: repeat(call, inner[call], ThreadClock()) for call in order}
        pairs.append((found[first], found[second]))
    clean = [pair for pair in pairs if not any(repetition.switches for repetition in pair)]
    used = clean if len(clean) >= max(LEAST, _ENOUGH * len(pairs)) else pairs
    one, other = ([pair[i].cpu / inner[call] for pair in used] for i, call in enumerate((first, second)))
    ratio = math.exp(median(math.log(b / a) for a, b in zip(one, other, strict=True)))
    return {"default": median(one) / 1e9, "seconds": median(other) / 1e9, "ratio": ratio}


def _inner(call: Call) -> int:
    """Calls between two readings; the first call warms up."""
    call()
    return max(1, READING // max(1, repeat(call, 1, ThreadClock()).cpu))


# --- kernels ------------------------------------------------------------------------------------------------------


class _Compiled:
    """A kernel with its arguments; activations are drawn from the same seed for every candidate."""

    def __init__(self, folder: Path, isa: str) -> None:
        from tvm import ir

        from dlas.layers.codegen.tvm import machinecode, scheduling
        from dlas.layers.codegen.tvm.tuning import tasks
        from dlas.tensorir.machine import machine

        (function,) = ir.load_json((folder / tasks.MODULE).read_text(encoding="utf-8")).functions.values()
        trace = folder / tasks.TRACE
        recorded = trace.read_text(encoding="utf-8") if trace.exists() else ""
        scheduled = scheduling.kernel(function, machine(isa), recorded).with_attr("global_symbol", "main")
        self._call = machinecode.compiled(ir.IRModule({"main": scheduled}), machine(isa))["main"]
        with np.load(folder / tasks.CONSTANTS) as constants:
            self._arguments = _arguments(function, constants)

    def __call__(self) -> None:
        self._call(*self._arguments)

    def output(self) -> Any:
        """What the last call wrote."""
        return self._arguments[-1].numpy()


def _arguments(function: Any, constants: Any) -> list[Any]:
    import tvm

    arguments = []
    for at, buffer in enumerate(function.params):
        name = f"argument{at}"
        array = constants[name] if name in constants else _drawn(at, buffer)
        arguments.append(tvm.runtime.tensor(array))
    return arguments


def _drawn(seed: int, buffer: Any) -> NDArray[Any]:
    shape, dtype = [int(extent) for extent in buffer.shape], np.dtype(str(buffer.dtype))
    generator = np.random.default_rng(seed)
    if dtype == np.uint8:
        return generator.integers(0, 256, shape, dtype)
    return generator.standard_normal(shape).astype(dtype)


@lru_cache(maxsize=2)
def _default(folder: str, isa: str) -> _Compiled:
    return _Compiled(Path(folder), isa)


def _try(request: Message) -> Message:
    """A candidate beside the default: how far its output is off, relative to the largest value, and its time."""
    default = _default(request["default"], request["isa"])
    same = request["candidate"] == request["default"]
    candidate = default if same else _Compiled(Path(request["candidate"]), request["isa"])
    default()
    candidate()
    wanted, found = (call.output().astype(np.float64) for call in (default, candidate))
    if found.shape != wanted.shape:
        raise BuildFailed(f"output has shape {found.shape}, the default's {wanted.shape}")
    error = float(np.abs(found - wanted).max() / max(float(np.abs(wanted).max()), 1e-30))
    return {"off": error if math.isfinite(error) else 1e9, **race(default, candidate)}


# --- networks -----------------------------------------------------------------------------------------------------


def _duel(request: Message) -> Message:
    """A library beside that of the default schedule, each as the network runs."""
    return race(*(_network(Path(path), request["shape"]) for path in request["libraries"]))


def _network(library: Path, shape: list[int]) -> Call:
    import tvm
    from tvm.runtime.vm import VirtualMachine

    function = VirtualMachine(tvm.runtime.load_module(str(library)), tvm.cpu())["main"]
    images = tvm.runtime.tensor(np.random.default_rng(0).standard_normal(shape, dtype=np.float32))
    return lambda: function(images)


def _answer(request: Message, _: process.Report) -> Message:
    verbs = {"try": _try, "duel": _duel}
    return verbs[request["do"]](request)


if __name__ == "__main__":
    process.serve(_answer)
