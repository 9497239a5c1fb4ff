"""Which operator of the network a kernel is, and which operator of another network it is compared with."""

import math
from collections.abc import Callable, Hashable, Iterable, Sequence

from dlas.layers.codegen.profiling import Step
from dlas.measure.profile import Operator, Profile

HEAVY = ("convolution", "linear")
Pair = tuple[Operator | None, Operator | None]


def assigned(profile: Profile) -> dict[int, Operator]:
    """Operators by the position of the kernel that they ran as.

    By name where the kernel keeps one; the others in order among those with weights of the same shape, then of the same
    size (packed weights have another shape), then of one kind: wherever there are as many kernels as operators.
    """
    found = _by_name(profile)
    for feature in (_shape, _size, _kind):
        left = [o for o in profile.operators if o not in found.values()]
        heavy = [i for i, step in enumerate(profile.steps) if step.kind in HEAVY and i not in found]
        found |= _in_order(heavy, profile.steps, left, feature)
    return found


def _by_name(profile: Profile) -> dict[int, Operator]:
    named = {operator.name: operator for operator in profile.operators}
    found: dict[int, Operator] = {}
    for i, step in enumerate(profile.steps):
        # OpenVINO calls the first half of a split operator `name/WithoutBiases`.
        covered = [named[name.partition("/")[0]] for name in step.covers if name.partition("/")[0] in named]
        if step.kind in HEAVY and covered and covered[0] not in found.values():
            found[i] = covered[0]
    return found


def _shape(one: Step | Operator) -> Hashable:
    shape = one.weights if isinstance(one, Step) else one.shape
    return (one.kind, shape) if shape else None


def _size(one: Step | Operator) -> Hashable:
    shape = one.weights if isinstance(one, Step) else one.shape
    return (one.kind, math.prod(shape)) if shape else None


def _kind(one: Step | Operator) -> Hashable:
    return one.kind


def _in_order(
    places: Sequence[int], steps: Sequence[Step], left: Sequence[Operator], feature: Callable[..., Hashable]
) -> dict[int, Operator]:
    found: dict[int, Operator] = {}
    for value in dict.fromkeys(feature(operator) for operator in left):
        mine = [operator for operator in left if feature(operator) == value]
        theirs = [i for i in places if feature(steps[i]) == value]
        if value is not None and len(mine) == len(theirs):
            found |= dict(zip(theirs, mine, strict=True))
    return found


def paired(before: Sequence[Operator], after: Sequence[Operator]) -> list[Pair]:
    """Operators of two networks side by side: by name, else in order where as many are left; else alone."""
    theirs = {operator.name: operator for operator in after}
    pairs: list[Pair] = [(mine, theirs.get(mine.name)) for mine in before]
    taken = {mine.name for mine in before}
    rest = [operator for operator in after if operator.name not in taken]
    alone = [mine for mine in before if mine.name not in theirs]
    if len(alone) == len(rest) and _kinds(alone) == _kinds(rest):
        spare = iter(rest)
        return [(mine, other or next(spare)) for mine, other in pairs]
    return [*pairs, *((None, operator) for operator in rest)]


def _kinds(operators: Iterable[Operator]) -> list[str]:
    return [operator.kind for operator in operators]
