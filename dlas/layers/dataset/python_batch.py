"""The python batches of CIFAR-10: pickles, whose few opcodes are walked here; nothing in them is ever called."""

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ARRAY, _DTYPE, _BYTES = "numpy.core.multiarray _reconstruct", "numpy dtype", "u1"
_MARK = object()  # where the items of a list, a tuple or a dictionary begin on the stack
_NAMES = (_ARRAY, _DTYPE, "numpy ndarray")


@dataclass
class _Call:
    """What unpickling would have called, with what, and the state it would have set."""

    target: Any
    arguments: Any
    state: Any = None


class _Machine:
    """The pickle machine of protocol 2 without calls: they are noted, as values, in their place."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def items(self) -> list[Any]:
        """What was pushed since the last mark, which goes too."""
        start = len(self.stack) - self.stack[::-1].index(_MARK)
        found = self.stack[start:]
        del self.stack[start - 1 :]
        return found

    def last(self, count: int) -> tuple[Any, ...]:
        """The last `count` values, which go."""
        return tuple(reversed([self.stack.pop() for _ in range(count)]))

    def remember(self, number: int) -> None:
        self.memo[number] = self.stack[-1]

    def append(self) -> None:
        values = self.items()
        self.stack[-1].extend(values)

    def assign(self) -> None:
        values = self.items()
        self.stack[-1].update(zip(values[::2], values[1::2], strict=True))

    def name(self, name: str) -> None:
        if name not in _NAMES:
            raise ValueError(f"it asks for {name}")
        self.push(name)

    def call(self) -> None:
        self.push(_Call(*self.last(2)))

    def build(self) -> None:
        (state,) = self.last(1)
        self.stack[-1].state = state


_FRAME = ("PROTO", "STOP")
# The opcodes that the published files have between these, and no others.
_STEPS: Mapping[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "BINSTRING", "SHORT_BINSTRING"), _Machine.push),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _Machine.remember),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda machine, number: machine.push(machine.memo[number])),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "MARK": lambda machine, _: machine.push(_MARK),
    "APPENDS": lambda machine, _: machine.append(),
    "SETITEMS": lambda machine, _: machine.assign(),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.items())),
    "TUPLE1": lambda machine, _: machine.push(machine.last(1)),
    "TUPLE2": lambda machine, _: machine.push(machine.last(2)),
    "TUPLE3": lambda machine, _: machine.push(machine.last(3)),
    "GLOBAL": _Machine.name,
    "REDUCE": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.build(),
}


def read(content: bytes) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Rows of bytes (number, 3 * 32 * 32) and labels (number,); ValueError where the content is no such batch."""
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name not in (*_STEPS, *_FRAME):
                raise ValueError(f"it has the opcode {opcode.name}, which these files have not")
            if opcode.name in _STEPS:
                _STEPS[opcode.name](machine, argument)
        (batch,) = machine.stack
        return _array(batch["data"]), np.array([int(label) for label in batch["labels"]], np.int64)
    except (LookupError, TypeError, AttributeError, OverflowError, UnicodeError) as problem:
        raise ValueError("its structure is another") from problem


def _array(made: _Call) -> NDArray[np.uint8]:
    """The array that a noted call describes: version, shape, type, whether columns come first, bytes."""
    _, shape, dtype, columns_first, content = made.state
    if (made.target, dtype.target, dtype.arguments[0]) != (_ARRAY, _DTYPE, _BYTES):
        raise ValueError("its data are no array of bytes")
    pixels = np.frombuffer(content.encode("latin-1"), np.uint8)
    return pixels.reshape(shape, order="F" if columns_first else "C")
