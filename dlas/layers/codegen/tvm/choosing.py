"""Timing a contest's candidates: each operator under each of them, alone, in turn, by thread CPU time."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from dlas.layers.codegen.tvm import machinecode, scheduling, walk
from dlas.tensorir import layout
from dlas.tensorir.contest import LAYOUTS, Candidate, Contest, Timed, block
from dlas.tensorir.emitter import Emitter, OperatorLowering, Value
from dlas.tensorir.operators import Convolution, Linear

if TYPE_CHECKING:
    from tvm import ir

Operator = Convolution | Linear
Call = Callable[[], object]
Choice = dict[str, Any]  # the candidate that an operator got, and the seconds of all

_ROUNDS = 9
_READING = 5e-4  # s between two readings of the clock, at least
_MOST = 100  # calls between two readings


def settled(module: "ir.IRModule", contest: Contest, emitter: Emitter) -> tuple[OperatorLowering, list[Choice]]:
    """The lowering that won, and what was timed of each of the network's operators, in order."""
    operators = walk.operators(module)
    lanes = emitter.machine.lanes
    timed = _timed(operators, contest, emitter)
    names = contest.fastest(operators, lanes, timed)
    chosen = [_by_name(contest, operator, lanes)[name] for operator, name in zip(operators, names, strict=True)]
    told = [{"chosen": n, "seconds": dict(s)} for n, s in zip(names, timed.operators, strict=True)]
    return contest.settled(chosen), told


def _by_name(contest: Contest, operator: Operator, lanes: int) -> dict[str, Candidate]:
    return {candidate.name: candidate for candidate in contest.candidates(operator, lanes)}


def _timed(operators: Sequence[Operator], contest: Contest, emitter: Emitter) -> Timed:
    """Operators that differ in nothing but their values are timed once."""
    trials = _Trials(emitter)
    distinct = {signature(operator): operator for operator in operators}
    entered = {
        key: {
            name: trials.enter(operator, candidate)
            for name, candidate in _by_name(contest, operator, emitter.machine.lanes).items()
        }
        for key, operator in distinct.items()
    }
    image = _typical(operators)
    pairs = [(a, b) for a in LAYOUTS for b in LAYOUTS if a != b] if image else []
    moving = {f"{a}:{b}": trials.move(image, a, b) for a, b in pairs}
    calls = trials.compiled()
    seconds = {key: _race({name: calls[at] for name, at in names.items()}) for key, names in entered.items()}
    moves = _race({name: calls[at] for name, at in moving.items()})
    by_byte = {pair: moves[":".join(pair)] / (4 * prod(image)) for pair in pairs}
    return Timed([seconds[signature(operator)] for operator in operators], by_byte)


def signature(operator: Operator) -> str:
    """What decides how long an operator takes: its sizes, and where its zeros are."""
    zeros = operator.weights == 0
    pattern = hashlib.sha256(np.packbits(zeros).tobytes()).hexdigest() if zeros.any() else ""
    sizes = {key: value for key, value in vars(operator).items() if key != "weights"}
    return f"{type(operator).__name__} {operator.weights.shape} {sizes} {pattern}"


def _typical(operators: Sequence[Operator]) -> tuple[int, ...]:
    """The median of the convolutions' images by size; nothing where there is none."""
    images = sorted((o.image for o in operators if isinstance(o, Convolution)), key=prod)
    return images[len(images) // 2] if images else ()


# --- small modules ------------------------------------------------------------------------------------------------


class _Trials:
    """One function for each trial, compiled together."""

    def __init__(self, emitter: Emitter) -> None:
        from tvm import relax

        self._emitter = replace(emitter, builder=relax.BlockBuilder(), copies=[])
        self._shapes: list[tuple[int, ...]] = []

    def enter(self, operator: Operator, candidate: Candidate) -> int:
        """An operator under a candidate, its image in the layout that this takes; returns the trial's number."""
        if isinstance(operator, Linear):
            lowering = candidate.lowering
            shape = (operator.rows, len(operator.weights))
            return self._write(shape, layout.PLAIN, lambda rows: lowering.linear(self._emitter, operator, rows).value)
        convolution = operator
        taken = block(candidate.layout, operator.image[1], self._emitter.machine.lanes)
        return self._write(
            operator.image,
            taken,
            lambda image: candidate.lowering.convolution(self._emitter, convolution, image).value,
        )

    def move(self, image: tuple[int, ...], before: str, after: str) -> int:
        """A change of layout."""
        lanes = self._emitter.machine.lanes
        blocks = [block(name, image[1], lanes) for name in (before, after)]
        return self._write(image, blocks[0], lambda value: self._emitter.reblocked(value, blocks[1]))

    def _write(self, shape: tuple[int, ...], taken: int, body: Callable[[Value], Value]) -> int:
        from tvm import relax

        number, stored = len(self._shapes), layout.stored(shape, taken)
        images, builder = relax.Var("images", relax.TensorType(stored, "float32")), self._emitter.builder
        with builder.function(_name(number), [images]):
            with builder.dataflow():
                output = builder.emit_output(body(Value(images, shape, taken)).var)
            builder.emit_func_output(output)
        self._shapes.append(stored)
        return number

    def compiled(self) -> list[Call]:
        """A call of each trial, in order."""
        import tvm
        from tvm.runtime.vm import VirtualMachine

        kernels = scheduling.kernels(self._emitter.builder.get(), self._emitter.machine, self._emitter.schedule)
        machine = VirtualMachine(machinecode.compiled(kernels, self._emitter.machine), tvm.cpu())
        return [_call(machine[_name(number)], shape) for number, shape in enumerate(self._shapes)]


def _name(number: int) -> str:
    return f"trial{number}"


def _call(function: Callable[..., object], shape: tuple[int, ...]) -> Call:
    import tvm

    images = tvm.runtime.tensor(np.random.default_rng(0).standard_normal(shape, dtype=np.float32))
    return lambda: function(images)


# --- the clock ----------------------------------------------------------------------------------------------------


def _race(calls: Mapping[str, Call]) -> dict[str, float]:
    """Seconds of a call of each, the median over rounds; who comes first changes."""
    counts = {name: max(1, min(_MOST, int(_READING / _seconds(call, 1)) + 1)) for name, call in calls.items()}
    found: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(_ROUNDS):
        for name in list(calls)[:: 1 if number % 2 else -1]:
            found[name].append(_seconds(calls[name], counts[name]))
    return {name: median(seconds) for name, seconds in found.items()}


def _seconds(call: Call, count: int) -> float:
    """Thread CPU time of one of so many calls, after one that fills the caches."""
    call()
    begin = time.thread_time()
    for _ in range(count):
        call()
    return max(time.thread_time() - begin, 1e-9) / count
