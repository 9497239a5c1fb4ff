"""Whether a study came out in a container as it did outside: the same accuracies, latencies within their intervals.

python docker/agree.py OUTSIDE.nc INSIDE.nc
"""

import sys

from dlas import api
from dlas.analysis.compare import compare

MEASURED = {"ok", "unstable"}  # a busy machine makes one of the other; then latencies are not compared


def disagreements(outside: str, inside: str) -> list[str]:
    """A sentence for each cell whose accuracy differs at all, or whose latency differs beyond its interval."""
    one, other = api.open_cube(outside), api.open_cube(inside)
    found = []
    for change in compare(one, other).changes:
        if change.accuracy and change.accuracy.value:
            found.append(f"{change.cell}: accuracy differs by {100 * change.accuracy.value:+.2f} pp")
        if change.latency and change.latency_stands and change.statuses == ("ok", "ok"):
            found.append(f"{change.cell}: {change.latency.value:.3f} times the latency")
        if change.statuses[0] != change.statuses[1] and not MEASURED.issuperset(change.statuses):
            found.append(f"{change.cell}: {change.statuses[0]} outside, {change.statuses[1]} inside")
    return found


if __name__ == "__main__":
    found = disagreements(*sys.argv[1:])
    print("\n".join(found) or "the container agrees: accuracies are equal, no latency differs beyond its interval")
    sys.exit(bool(found))
