"""What a builder tells while it builds; building itself is tested with whole studies."""

import threading
import time
from contextlib import contextmanager

import pytest

from dlas.measure import lock
from dlas.realise import Step
from dlas.study import building, crew
from dlas.study.building import Builder
from dlas.study.forecast import Forecast

LONG = 30  # s until a test gives up; nothing waits that long


def test_the_time_left_counts_the_part_of_a_step_that_is_done(store):
    heard = []
    builder = Builder(store, jobs=1, timeout=1, listen=heard.append)
    builder.build([])
    builder._forecast, builder._start = Forecast(["model resnet8", "model resnet20"]), builder._start - 10
    builder._relay(Step("model", "resnet8", (), {}), {"done": 1, "of": 4, "unit": "images", "accuracy": 0.5})
    assert heard[-1].what == "model resnet8: 1/4 images, accuracy 50.0%"
    assert heard[-1].left == pytest.approx(70, rel=0.1)


def test_a_step_that_times_candidates_has_the_host_for_itself(store, monkeypatch):
    running, together = set(), []

    class Maker:
        """Notes what runs beside each step."""

        def make(self, step, timeout, report):
            running.add(step.key)
            time.sleep(0.02)
            together.append((step.option, len(running)))
            running.remove(step.key)

        def stop(self):
            raise AssertionError

    shared = [Step("model", f"resnet8@width={width}", (), {}) for width in (1, 2, 3)]
    timing = [Step("codegen", "tvm", (), {"primitive": "mixed", "number": number}) for number in (0, 1)]
    assert [step.exclusive for step in (*shared, *timing)] == [False] * 3 + [True] * 2
    Builder(store, 2, 1, lambda _: None, Maker()).build([timing[0], *shared, timing[1]])
    assert [option for option, _ in together].count("tvm") == 2
    assert all(beside == 1 for option, beside in together if option == "tvm")
    assert max(beside for _, beside in together) == 2


def test_it_is_done_under_the_measuring_lock(store, monkeypatch):
    held = []

    @contextmanager
    def lock(stopped):
        assert not stopped()
        held.append(True)
        yield
        held.pop()

    seen = []
    monkeypatch.setattr(crew, "measuring_lock", lock)
    monkeypatch.setattr(crew.Children, "_make", lambda self, step, timeout, report: seen.append(bool(held)))
    for ingredients in ({"primitive": "mixed"}, {"primitive": "direct"}):
        crew.Children(store).make(Step("codegen", "tvm", (), ingredients), 1, lambda _: None)
    assert seen == [True, False]


def test_an_interrupt_ends_a_step_that_waits_for_the_measuring_lock(store, monkeypatch, tmp_path):
    monkeypatch.setattr(lock, "LOCK", tmp_path / "measuring.lock")
    begun, ended = threading.Event(), threading.Event()

    def interrupted(*_, **__):
        assert begun.wait(LONG)
        raise KeyboardInterrupt

    def build():
        steps = [Step("codegen", "tvm", (), {"primitive": "mixed"})]
        with pytest.raises(KeyboardInterrupt):
            Builder(store, 1, LONG, lambda _: begun.set()).build(steps)
        ended.set()

    monkeypatch.setattr(building, "wait", interrupted)
    with lock.measuring_lock():
        threading.Thread(target=build, daemon=True).start()
        assert ended.wait(LONG)
