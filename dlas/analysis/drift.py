"""What the reference kernel tells about the host of a cube: read from its journal."""

from collections import defaultdict
from pathlib import Path

from dlas.measure.samples import latency_logs
from dlas.measure.statistics import Floats, Interval, over_processes, spread_between
from dlas.study.journal import KERNEL, Journal


def reference_kernel(journal: Path, host: str) -> Interval | None:
    """Log seconds of the reference kernel on a host over all its processes; None where the journal has none.

    The spread between processes is moderated by that of the cells, as it is for their own latencies.
    """
    if not journal.exists():
        return None
    opened = Journal(journal)
    try:
        grouped: defaultdict[str, list[Floats]] = defaultdict(list)
        for run in opened.runs(host):
            grouped[run.cell].append(latency_logs(run.samples, run.facts["wall"])[0])
    finally:
        opened.close()
    own = grouped.get(KERNEL)
    return over_processes(own, spread_between(list(grouped.values()))) if own else None
