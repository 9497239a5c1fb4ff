"""Which cells a question still hangs on: those to measure longer, and what is said when none is left."""

from collections.abc import Callable, Mapping
from itertools import permutations

import xarray as xr

from dlas.analysis import cells
from dlas.analysis.best import RUNNER_UP, WINNER, WITHIN, best
from dlas.analysis.flips import rank_flips
from dlas.analysis.pareto import pareto
from dlas.errors import CubeError

MOST = 12  # cells of one block, measured beside each other
SURE = 0.95  # probability from which a point is on the front, or (its complement) is not


def contenders(cube: xr.Dataset, question: str) -> list[str]:
    """Names of the cells that decide it, the closest first, at most as many as one block holds; none if it is decided.

    `best`: the winner within 1 pp of the baseline's accuracy and the runners-up; `front`: the points whose probability
    of being on the front is between 5 % and 95 %; `flips`: the cells of the changes of the best option that are seen
    but not proven. Raises CubeError for another question.
    """
    if question not in QUESTIONS:
        raise CubeError(f"--for {question} is unknown; choose one of {', '.join(QUESTIONS)}")
    return QUESTIONS[question](cube)[:MOST]


def _best(cube: xr.Dataset) -> list[str]:
    found = best(cube, "latency", WITHIN)
    names: list[str] = found[found["role"].isin((WINNER, RUNNER_UP))]["cell"].tolist()
    return names if len(names) > 1 else []


def _front(cube: xr.Dataset) -> list[str]:
    found = pareto(cube)
    open_ = found[found["probability"].between(1 - SURE, SURE, inclusive="neither")]
    order = (open_["probability"] - 0.5).abs().sort_values().index
    names: list[str] = open_.loc[order, "cell"].tolist()
    return names


def _flips(cube: xr.Dataset) -> list[str]:
    rows = [
        row
        for layer, across in permutations(cells.varying_with(cube, "latency"), 2)
        for row in rank_flips(cube, layer, across).to_dict("records")
        if not row["stands"]
    ]
    rows.sort(key=lambda row: row["p_value"])
    ends = ("better", "worse", "better_otherwise", "worse_otherwise")
    return list(dict.fromkeys(row[end] for row in rows for end in ends))


QUESTIONS: Mapping[str, Callable[[xr.Dataset], list[str]]] = {"best": _best, "flips": _flips, "front": _front}
