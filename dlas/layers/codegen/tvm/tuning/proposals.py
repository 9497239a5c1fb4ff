"""Which candidate of a template is tried next: the default, then in turn one drawn and one beside the best so far."""

import json
import random
from collections.abc import Mapping, Sequence

from dlas.records import Record, best
from dlas.tensorir.choices import Parameters

_BESIDE = 2  # every so many-th candidate is a neighbour of the best


def spelled(candidate: Mapping[str, object]) -> str:
    """One text for each candidate."""
    return json.dumps(dict(candidate), sort_keys=True)


def following(candidates: Sequence[Parameters], records: Sequence[Record], seed: str) -> Parameters | None:
    """The next candidate after those that have a record, the same on every run; None when all have one."""
    tried = {spelled(record.candidate) for record in records}
    left = [candidate for candidate in candidates if spelled(candidate) not in tried]
    if not left or spelled(candidates[0]) not in tried:
        return candidates[0] if left else None
    found = best(records)
    if found and len(tried) % _BESIDE == 0:
        nearest = min(_distance(candidate, found.candidate) for candidate in left)
        left = [candidate for candidate in left if _distance(candidate, found.candidate) == nearest]
    return random.Random(f"{seed} {len(tried)}").choice(left)  # noqa: S311 - the same on every run


def _distance(candidate: Parameters, other: Mapping[str, object]) -> float:
    """Parameters in which two candidates differ; among those, nearer numbers are nearer."""
    differing = [name for name, value in candidate.items() if other.get(name) != value]
    return len(differing) + sum(abs(candidate[name] - int(str(other.get(name, 0)))) for name in differing) / 1e3
