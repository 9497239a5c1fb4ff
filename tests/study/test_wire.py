"""What crosses to another host comes out as it went in, by way of JSON."""

import json

import numpy as np
from handmade import plan_of, stack

from dlas.errors import BuildFailed
from dlas.host import Host
from dlas.measure.pace import Pace
from dlas.measure.rounds import Limits
from dlas.measure.samples import Samples
from dlas.process import TooSlow
from dlas.study.plan import plan
from dlas.study.proving import Admission
from dlas.study.spec import Measure, Part, Study
from dlas.study.timing import Order, Timed
from dlas.study.wire import Recorder, read_order, read_timed, replay, write_order, write_timed

HOST = Host("A CPU", "x86_64", ("avx2",), (), 2, None, 2**34)


def test_an_order_is_the_same_after_json():
    study = Study("s", stack(), (Part({"compression": ("none", "int8")}),))
    cells = plan(study, HOST).possible
    key = cells[0].key
    score = {"images": [0, 1], "agreement": 1.0}
    order = Order(cells, key, {key: score}, {key: Pace(3, 2, 4e-3)}, Limits(0.02, 1.0), Measure(), 7, "process 1")
    assert read_order(json.loads(json.dumps(write_order(order)))) == order


def test_what_was_timed_keeps_its_samples():
    samples = Samples(np.array([0, 1]), np.array([0.5, 0.25]), np.array([0.5, 0.25]), np.array([0, 3]))
    found = read_timed(write_timed(Timed("k", "margin", {"wall": False}, samples)))
    assert (found.key, found.outcome, found.facts) == ("k", "margin", {"wall": False})
    assert found.samples.switches.tolist() == [0, 3]
    assert found.samples.cpu.tolist() == [0.5, 0.25]


class Notes:
    def __init__(self):
        self.told = []

    def admitted(self, key, admission):
        self.told.append(("admitted", key, admission))

    def refused(self, key, reason):
        self.told.append(("refused", key, reason))

    def trouble(self, key, problem, doing):
        self.told.append(("trouble", key, type(problem), str(problem), doing))

    def tell(self, what):
        self.told.append(what)


def test_notes_of_another_host_are_told_here_in_the_same_order():
    said = []
    recorder = Recorder(said.append)
    recorder.tell("loading")
    recorder.admitted("a", Admission(None, "ok", "", {"score": None}))
    recorder.refused("b", "no such device")
    recorder.trouble("c", TooSlow("no answer"), "measuring")
    recorder.trouble("d", BuildFailed("broken"), "loading")
    assert said == ["loading"]
    notes = Notes()
    replay(json.loads(json.dumps(recorder.events)), notes)
    assert notes.told == [
        ("admitted", "a", Admission(None, "ok", "", {"score": None})),
        ("refused", "b", "no such device"),
        ("trouble", "c", TooSlow, "no answer", "measuring"),
        ("trouble", "d", BuildFailed, "broken", "loading"),
    ]


def test_a_plan_made_by_hand_is_on_one_host():
    one = plan_of(stack(compression="int8"))
    assert one.by_host() == (one,)
