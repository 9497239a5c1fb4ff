"""What the profiles show of why a stack is not faster, each cause in a sentence with its evidence."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from dlas.analysis.explain.rows import Row
from dlas.analysis.explain.words import counted, many, share, time
from dlas.measure.profile import Profile

MANY_ZEROS = 0.1  # more zeros than before from which one would expect speed
MUCH = 0.05  # of the whole; what takes less is not worth a sentence
SHORT = 20e-6  # s; kernels below are over before another thread has woken (tens of microseconds)
_WITHOUT_DOT_PRODUCTS = ("avx512", "avx2", "avx", "sse4")
_LANES = {"avx512": 16, "avx512-vnni": 16, "amx": 16}  # float32 numbers in a vector register; 8 on AVX2 and AVX

Rows = Sequence[Row]


def zeros(before: Profile, after: Profile, rows: Rows) -> Iterator[str]:
    """Sparse weights in dense kernels (and, where it is so, that they were used)."""
    share_zero = _zeros(after)
    if share_zero < _zeros(before) + MANY_ZEROS:
        return
    ran = [row.after for row in rows if row.after and row.after.operator]
    if not ran:  # without a kernel of an operator nothing shows what became of the zeros
        return
    dense = [part for part in ran if not part.sparse]
    if not dense:
        yield f"{share(share_zero)} of the weights are zero, and {many(ran, 'kernel')} ran sparse: zeros are skipped."
        return
    took = sum(part.seconds for part in dense)
    kernels = Counter(kernel for part in dense for kernel in part.kernels).most_common(1)[0][0]
    yield (
        f"{share(share_zero)} of the weights are zero, but {len(dense)} of {many(ran, 'kernel')} ran dense "
        f"(most as {kernels}): zeros are multiplied like all others, {time(took)} of {time(after.whole)}."
    )


def _zeros(profile: Profile) -> float:
    weights = sum(operator.parameters for operator in profile.operators)
    return 1 - sum(operator.nonzeros for operator in profile.operators) / weights if weights else 0.0


def precision(_: Profile, after: Profile, rows: Rows) -> Iterator[str]:
    """A quantised network that is not quantised all through, and what going to and fro costs."""
    if after.precision != "int8":
        return
    ran = [row for row in rows if row.after and row.after.operator]
    floating = [row for row in ran if row.after and "int8" not in row.after.precisions]
    if floating:
        took = sum(row.after.seconds for row in floating if row.after)
        yield (
            f"{len(floating)} of {counted(ran)} ran in floating point though the network is int8: "
            f"{share(took / after.whole)} of the time."
        )
    elif after.evidence.isa in _WITHOUT_DOT_PRODUCTS:
        yield (
            f"All {counted(ran)} ran in integers, but on {after.evidence.isa}, which has no dot product of bytes "
            "(VNNI): little to gain."
        )
    yield from _between(after, rows)


def _between(after: Profile, rows: Rows) -> Iterator[str]:
    """Kernels that a float32 network does not have, or that stayed in float32 between quantised operators."""
    for name, said in (("quantising", "re-quantising and converting"), ("layout", "changing layouts")):
        row = next((row for row in rows if row.name == name and row.after), None)
        if row and row.difference > row.margin and row.difference > MUCH * after.whole:
            assert row.after
            yield (
                f"{said[:1].upper()}{said[1:]} takes {time(row.after.seconds)} in {many(row.after.kernels, 'kernel')}, "
                f"{share(row.after.seconds / after.whole)} of the time, {time(row.difference)} more than before."
            )


def fusion(_: Profile, after: Profile, rows: Rows) -> Iterator[str]:
    """What was computed inside an operator's kernel before, and has kernels of its own now."""
    inside = {name for row in rows if row.before for name in row.before.fused}
    heavy = {row.after.operator.name for row in rows if row.after and row.after.operator}
    alone = [step for step in after.steps if inside & set(step.covers) and not heavy & set(map(_stem, step.covers))]
    took = sum(step.seconds for step in alone)
    if took > MUCH * after.whole:
        done = [_function(name) for step in alone for name in step.covers if name in inside]
        yield (
            f"{many(alone, 'kernel')} of {time(took)} ({share(took / after.whole)} of the time) do what was fused into "
            f"operators before: {_most(done)} (as {_most([step.implementation for step in alone])})."
        )


def _function(node: str) -> str:
    """What a node of the network computes, as its name has it: `node_silu_12` is a `silu`."""
    return re.sub(r"^node_|_\d+$", "", node)


def _stem(name: str) -> str:
    return name.partition("/")[0]


def _most(kernels: Sequence[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in Counter(kernels).most_common(2))


def width(_: Profile, after: Profile, rows: Rows) -> Iterator[str]:
    """Channels that do not fill vectors, where they did before."""
    lanes = _LANES.get(after.evidence.isa, 8)
    odd = [row for row in rows if _channels(row, "after") % lanes and _channels(row, "before") % lanes == 0]
    odd = [row for row in odd if row.before and row.kind != "linear"]
    if not odd:
        return
    worst = max(odd, key=lambda row: row.after.seconds if row.after else 0.0)
    assert worst.before
    assert worst.after
    some = sorted({_channels(row, "after") for row in odd})
    told = ", ".join(map(str, some[:4])) + (" …" if len(some) > 4 else "")
    taken = [sum(side.seconds for row in odd if (side := getattr(row, name))) for name in ("before", "after")]
    work = [sum(side.operations for row in odd if (side := getattr(row, name))) for name in ("before", "after")]
    yield (
        f"{many(odd, 'convolution')} {'has' if len(odd) == 1 else 'have'} channels ({told}) that are not a multiple of "
        f"{lanes}, the vector width: {_change(work, 'fewer', 'more')} operations, "
        f"{_change(taken, 'less', 'more')} time, at {work[1] / taken[1] * 1e-9:.3g} GFLOP/s "
        f"instead of {work[0] / taken[0] * 1e-9:.3g} "
        f"(the longest: {worst.name}, {worst.before.kernels[0]} → {worst.after.kernels[0]})."
    )


def _change(values: Sequence[float], less: str, more: str) -> str:
    """`20 % fewer`, of the second value against the first."""
    change = values[1] / values[0] - 1
    return f"{share(abs(change))} {more if change > 0 else less}"


def _channels(row: Row, side: str) -> int:
    part = getattr(row, side)
    return part.operator.outputs if part and part.operator else 0


def threads(before: Profile, after: Profile, rows: Rows) -> Iterator[str]:
    """More threads for kernels that are over before the others are awake."""
    few, more = before.evidence.threads, after.evidence.threads
    if more <= few:
        return
    parts = [row.before for row in rows if row.before and row.before.operator]
    short = [part for part in parts if part.seconds < SHORT]
    took = sum(part.seconds for part in parts)
    speedup = before.whole / after.whole
    if not short or speedup > 0.75 * more / few:
        return
    yield (
        f"{more} threads instead of {few}, {speedup:.2f}× the speed: the network takes {time(before.whole)}, and "
        f"{len(short)} of {many(parts, 'operator')} take less than {time(SHORT)} each "
        f"({time(took / len(parts))} on average): "
        "dealing out the work and waiting for the other threads costs about as much as it saves."
    )


def kernels(_: Profile, __: Profile, rows: Rows) -> Iterator[str]:
    """Operators that another kernel computes now."""
    changed = Counter(
        (row.before.kernels[0], row.after.kernels[0])
        for row in rows
        if row.before and row.after and row.before.operator and row.before.kernels != row.after.kernels
    )
    for (old, new), count in changed.most_common(3):
        yield f"{count} {'operator' if count == 1 else 'operators'} ran as {new} instead of {old}."


def overhead(before: Profile, after: Profile, _: Rows) -> Iterator[str]:
    """What no kernel accounts for, where it is much, or where the profiler shows more than there is."""
    for profile in (before, after):
        left = profile.outside / profile.whole
        if left > MUCH:
            yield (
                f"{time(profile.outside)} of {profile.label} ({share(left)}) lie outside its kernels: calls, memory, "
                "and what the profiler rounds away."
            )
        elif left < -MUCH:
            yield f"Under the profiler the kernels of {profile.label} took {share(-left)} more than it takes without."


CAUSES: tuple[Callable[[Profile, Profile, Rows], Iterator[str]], ...] = (
    zeros,
    precision,
    fusion,
    width,
    threads,
    kernels,
    overhead,
)
