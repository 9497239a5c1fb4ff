"""An explanation as people and programs read it: sentences and a table, or one record."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlas.analysis.explain.rows import Part, Row
from dlas.analysis.explain.words import signed, time

if TYPE_CHECKING:
    from dlas.analysis.explain import Explanation

FORMATS = ("text", "markdown", "json")
HEADINGS = ("operator", "kind", "before", "after", "difference", "kernel before", "kernel after", "op/B")
_NUMERIC = ("before", "after", "difference", "op/B")


def lines(found: "Explanation", markdown: bool = False) -> list[str]:
    """Sentences, then a row for each operator and kind; the seconds of each side add up to its whole."""
    table = [HEADINGS, *(_cells(row) for row in found.rows), _total(found)]
    bullets = [f"- {sentence}" for sentence in found.sentences] if markdown else list(found.sentences)
    return [*bullets, "", *(_markdown(table) if markdown else _aligned(table))]


def _cells(row: Row) -> tuple[str, ...]:
    sides = (row.before, row.after)
    return (
        row.name,
        row.kind if row.kind != row.name else "",
        *(time(side.seconds) if side else "" for side in sides),
        signed(row.difference),
        *(_kernel(side) for side in sides),
        _intensity(row.after),
    )


def _kernel(part: Part | None) -> str:
    """What ran, with its precision unless the name ends in it, and how many operators were fused into it."""
    if part is None or not part.kernels:
        return ""
    if part.operator is None:
        return ", ".join(f"{count} {name}" for name, count in Counter(part.kernels).most_common(2))
    precision = "" if _tells(part) else f" {part.precisions[0]}"
    fused = f" +{len(part.fused)}" if part.fused else ""
    return f"{part.kernels[0]}{precision}{' sparse' if part.sparse else ''}{fused}"


def _tells(part: Part) -> bool:
    """Whether a kernel's name ends in its precision, as OpenVINO's do."""
    return part.kernels[0].rpartition("_")[2].lower() in ("f32", "i8", "u8", "s8", "bf16", "f16")


def _intensity(part: Part | None) -> str:
    return "" if part is None or math.isnan(part.intensity) else f"{part.intensity:.3g}"


def _total(found: "Explanation") -> tuple[str, ...]:
    before, after = found.before.whole, found.after.whole
    return ("whole", "", time(before), time(after), signed(after - before), "", "", "")


def _markdown(table: Sequence[Sequence[str]]) -> list[str]:
    rule = [":--" if name not in _NUMERIC else "--:" for name in HEADINGS]
    return [f"| {' | '.join(cells)} |" for cells in [table[0], rule, *table[1:]]]


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(_padded(*each) for each in zip(cells, widths, HEADINGS, strict=True)).rstrip() for cells in table]


def _padded(text: str, width: int, heading: str) -> str:
    return text.rjust(width) if heading in _NUMERIC else text.ljust(width)


def record(found: "Explanation") -> dict[str, Any]:
    """All of it as JSON has it; seconds, operations, bytes."""
    sides = {"before": found.before, "after": found.after}
    return {
        "findings": list(found.sentences),
        **{
            name: {
                "cell": profile.label,
                "seconds": profile.whole,
                "error": profile.whole_error,
                "profiled_seconds": profile.profiled,
                "clock": profile.clock,
                "threads": profile.evidence.threads,
                "isa": profile.evidence.isa,
            }
            for name, profile in sides.items()
        },
        "rows": [
            {
                "operator": row.name,
                "kind": row.kind,
                "before": _side(row.before),
                "after": _side(row.after),
                "difference": row.difference,
                "margin": row.margin,
            }
            for row in found.rows
        ],
    }


def _side(part: Part | None) -> dict[str, Any] | None:
    if part is None:
        return None
    return {
        "seconds": part.seconds,
        "error": part.error,
        "kernels": list(part.kernels),
        "precisions": list(part.precisions),
        "sparse": part.sparse,
        "fused": list(part.fused),
        "operations": part.operations,
        "bytes": part.bytes,
        "intensity": None if math.isnan(part.intensity) else part.intensity,
    }
