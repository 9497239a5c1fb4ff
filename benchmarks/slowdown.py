"""Whether a known slowdown of 3 % is found, and none where there is none, at a margin of 1.5 %.

Each block holds an executable, the same four times more, and the same in four children that make every inference 3 %
slower (`slowed.py`), measured as a study measures: three sets of fresh processes, 3 s a cell at most, stopping at the
margin. "Slower" is a ratio whose 95 % interval lies above one; "different" is one whose interval does not hold the one.
Twenty-five blocks, alternating between a network in OpenVINO and the same in ONNX Runtime; both shares have Wilson
intervals, as if a block's comparisons, which share their first side, were independent. What the judgement of a whole
cube (families of comparisons) makes of it is not measured here. `--quick` makes one block with a shorter time.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from pairs import PROCESSES, bootstrap, built, compare, flat, tell
from reporting import arguments, publish

from dlas.measure.rounds import Limits
from dlas.measure.session import Subject
from dlas.measure.statistics import Interval, wilson
from dlas.stack import Stack

SHARE = 0.03
MARGIN = 0.015
BUDGET = 3.0  # s a cell
BLOCKS = 25
EACH = 4  # identical ones, and slower ones, in a block
# About 1 ms an inference: two readings of the clock more are nothing beside it. It fits in a core's own cache: the
# processes of larger networks differ by 1 to 2 % from each other, which no budget within three of them takes away.
NETWORK = Stack(model="resnet8@weights=random", hardware="cpu@batch=32")
CODEGENS = ("openvino", "onnxruntime")


def slower(subject: Subject, share: float) -> Subject:
    """The same executable in a child that takes a share longer."""
    program = str(Path(__file__).with_name("slowed.py"))
    return replace(subject, command=replace(subject.command, argv=(sys.executable, program, str(share))))


def block(subject: Subject, limits: Limits, seed: int) -> tuple[list[Interval], list[Interval]]:
    """The ratios of the identical and of the slower ones to an executable."""
    ratios = compare([subject, *[subject] * EACH, *[slower(subject, SHARE)] * EACH], limits, seed)
    same, slow = ratios[:EACH], ratios[EACH:]
    tell(f"block {seed}: identical {_text(same)}, slower {_text(slow)}")
    return same, slow


def _text(ratios: Sequence[Interval]) -> str:
    return " ".join(f"{ratio.value:.3f}[{ratio.low:.3f},{ratio.high:.3f}]" for ratio in ratios)


def figures(blocks: Sequence[tuple[list[Interval], list[Interval]]]) -> dict[str, float]:
    """What the blocks come to."""
    same = [ratio for identical, _ in blocks for ratio in identical]
    slow = [ratio for _, slower in blocks for ratio in slower]
    found = sum(ratio.low > 1 for ratio in slow)
    false = sum(not ratio.low <= 1 <= ratio.high for ratio in same)
    return {
        "comparisons": len(slow),
        "slowdown": SHARE,
        "margin": MARGIN,
        **flat("slower_share", wilson(found, len(slow))),
        **flat("identical_different_share", wilson(false, len(same))),
        **flat("slower_ratio", bootstrap([ratio.value for ratio in slow], np.median)),
        **flat("identical_ratio", bootstrap([ratio.value for ratio in same], np.median)),
    }


def main() -> None:
    """Measure and publish."""
    asked = arguments(__doc__ or "")
    blocks, codegens, budget = (1, CODEGENS[1:], 1.0) if asked.quick else (BLOCKS, CODEGENS, BUDGET)
    limits = Limits(MARGIN, budget / PROCESSES)
    with built([NETWORK.perturb(codegen=codegen) for codegen in codegens]) as subjects:
        found = [block(subjects[i % len(subjects)], limits, seed=PROCESSES * i) for i in range(blocks)]
    publish(figures(found), asked.json)


if __name__ == "__main__":
    main()
