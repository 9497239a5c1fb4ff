"""Two profiles side by side: a row for each operator, one for each kind of the other kernels, and what is left."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from dlas.analysis.explain.matching import assigned, paired
from dlas.measure.profile import Operator, Profile
from dlas.measure.statistics import normal_quantile

OUTSIDE = "outside kernels"
_Z = normal_quantile(0.975)
# Words in a runtime's name of a kernel → what it is for; the first that fits.
_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "quantising": ("quant", "convert", "cast"),
    "layout": ("reorder", "reblock", "transpose", "permute", "reshape", "flatten", "contiguous", "im2col"),
    "pooling": ("pool", "reduce", "mean"),
    "normalisation": ("norm",),
    "element-wise": (
        *("add", "mul", "sub", "div", "eltwise", "math", "relu", "sigmoid", "swish", "silu", "clip", "clamp"),
        *("hard", "tanh", "gelu"),
    ),
}
_WIDTHS = {"float32": 4, "int8": 1, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class Part:
    """What one side of a row is: seconds of an inference with their standard error, and what ran.

    `operations` are two for each multiply-add of the dense operator, `bytes` those of its weights and of what it reads
    and writes beside them; 0 where they are not known.
    """

    seconds: float
    error: float
    kernels: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    sparse: bool = False
    fused: tuple[str, ...] = ()
    operations: int = 0
    bytes: int = 0
    operator: Operator | None = None

    @property
    def intensity(self) -> float:
        """Operations a byte; not a number where the bytes are not known."""
        return self.operations / self.bytes if self.bytes and self.operations else float("nan")

    @property
    def speed(self) -> float:
        """10^9 operations a second."""
        return self.operations / self.seconds * 1e-9 if self.seconds and self.operations else float("nan")


@dataclass(frozen=True)
class Row:
    """One operator, or all kernels of one kind; a side is None where the other alone has it."""

    name: str
    kind: str
    before: Part | None
    after: Part | None

    @property
    def difference(self) -> float:
        """Seconds that `after` takes longer."""
        return _seconds(self.after) - _seconds(self.before)

    @cached_property
    def margin(self) -> float:
        """Half the 95 % interval of the difference."""
        errors = [side.error for side in (self.before, self.after) if side]
        return _Z * math.hypot(*errors)


def _seconds(part: Part | None) -> float:
    return part.seconds if part else 0.0


def rows(before: Profile, after: Profile) -> list[Row]:
    """All rows; the seconds of each side add up to its whole."""
    sides = [_Side(profile) for profile in (before, after)]
    found = [
        Row(_named(pair), _kind(pair), *(side.of(one) for side, one in zip(sides, pair, strict=True)))
        for pair in paired(before.operators, after.operators)
    ]
    families = dict.fromkeys(name for side in sides for name in side.families)
    found += [Row(name, name, *(side.families.get(name) for side in sides)) for name in families]
    return [*(row for row in found if row.before or row.after), Row(OUTSIDE, OUTSIDE, *(s.outside for s in sides))]


def _named(pair: tuple[Operator | None, Operator | None]) -> str:
    return next(one.name for one in pair if one)


def _kind(pair: tuple[Operator | None, Operator | None]) -> str:
    one = next(one for one in pair if one)
    return "depthwise convolution" if one.depthwise else one.kind


class _Side:
    """One profile, cut into the parts that rows are made of."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._places = assigned(profile)
        self.families = dict(self._other_kernels())

    def of(self, operator: Operator | None) -> Part | None:
        """The kernel that an operator ran as."""
        place = next((i for i, one in self._places.items() if one == operator), None)
        if operator is None or place is None:
            return None
        step = self._profile.steps[place]
        itself = (operator.name, step.name.partition("/")[0])
        covered = (name for name in step.covers if name.partition("/")[0] not in itself)
        weights = operator.parameters * _WIDTHS.get(step.precision, 4)
        return Part(
            seconds=step.seconds,
            error=self._profile.errors[place],
            kernels=(step.implementation,),
            precisions=(step.precision,),
            sparse=step.sparse,
            fused=tuple(covered),
            operations=2 * operator.macs * self._profile.batch,
            bytes=weights + step.activations if step.activations else 0,
            operator=operator,
        )

    def _other_kernels(self) -> Iterable[tuple[str, Part]]:
        left = [i for i in range(len(self._profile.steps)) if i not in self._places]
        names = {i: family(self._profile.steps[i].kind) for i in left}
        for name in dict.fromkeys(names.values()):
            yield name, self._together([i for i in left if names[i] == name])

    def _together(self, places: Sequence[int]) -> Part:
        steps = [self._profile.steps[i] for i in places]
        return Part(
            seconds=sum(step.seconds for step in steps),
            error=math.hypot(*(self._profile.errors[i] for i in places)),
            kernels=tuple(step.implementation for step in steps),
            precisions=tuple(step.precision for step in steps),
            bytes=sum(step.activations for step in steps),
        )

    @property
    def outside(self) -> Part:
        """What no kernel accounts for."""
        errors = [self._profile.whole_error, *self._profile.errors]
        return Part(self._profile.outside, math.hypot(*errors))


def family(kind: str) -> str:
    """What a kernel that is no convolution or linear operator is for, as far as its name tells."""
    lower = kind.lower()
    return next((name for name, words in _FAMILIES.items() if any(word in lower for word in words)), "other kernels")
