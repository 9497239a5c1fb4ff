"""A measuring child whose inferences take a known share longer: `slowed.py SHARE` in place of the usual worker.

After each inference it spins until that share of the processor time which this very inference took has passed as well,
so that the truth is known without a calibration that could itself be wrong.
"""

import sys
import time
from collections.abc import Callable

from dlas import process
from dlas.measure.worker import Worker
from dlas.process import Message


class SlowedWorker(Worker):
    """The usual worker, but what it times is slower by a share."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self._share = share

    def _load(self, request: Message) -> Message:
        loaded = super()._load(request)
        self._work = slowed(self._work, self._share)
        return loaded


def slowed(infer: Callable[[], None], share: float) -> Callable[[], None]:
    """`infer`, followed by that share of its own processor time."""
    now = time.process_time_ns

    def infer_and_spin() -> None:
        start = now()
        infer()
        half_way = now()
        end = half_way + (half_way - start) * share
        while now() < end:
            pass

    return infer_and_spin


if __name__ == "__main__":
    process.serve(SlowedWorker(float(sys.argv[1])).answer)
