"""How the measuring child places its threads around what it times."""

import pytest

from dlas.measure import placing
from dlas.measure.worker import Worker


@pytest.fixture
def told(monkeypatch):
    """The log of a child of two threads on processors 4 and 7, whose work and places only pretend."""
    log = []

    class Kept:
        def __init__(self, placed):
            self.placed = placed

        def __enter__(self):
            log.append(("on", self.placed))

        def __exit__(self, *_):
            log.append("off")

    monkeypatch.setattr(placing, "spread", lambda work, processors: {11: 7, 12: 4})
    monkeypatch.setattr(placing, "kept", Kept)
    monkeypatch.setattr(placing, "rest", lambda: log.append("rest"))
    return log


def test_what_is_warmed_up_and_timed_runs_in_its_place_and_then_rests(told):
    worker = Worker()
    worker.answer({"do": "kernel"}, print)
    paced = worker.answer({"do": "pace"}, print)
    assert paced.pop("processors") == [4, 7]
    paced.pop("clock")
    assert worker.answer({"do": "step", "pace": paced}, print)["repetitions"]
    worker.answer({"do": "rest"}, print)
    in_place = [("on", {11: 7, 12: 4}), "off"]
    assert told == [*in_place, *in_place, "rest"]
