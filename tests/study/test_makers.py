"""Which worker builds what; the cluster is made by hand, nothing is built."""

from types import SimpleNamespace

import pytest
from handmade import HOST, plan_of

from dlas.realise import Step
from dlas.study import elsewhere
from dlas.study.cluster import Lost, Worker
from dlas.study.crew import Unserved
from dlas.study.elsewhere import Makers
from dlas.study.measuring import Task
from dlas.study.run import _timed_at

TUNED = Step("codegen", "tvm", ("network",), {"primitive": "mixed"})
PLAIN = Step("codegen", "tvm", ("network",), {"primitive": "direct"})


class Cluster:
    """Two workers; notes which of them does what, with which resource."""

    def __init__(self, *lost):
        workers = [Worker("one", HOST, {}, 8, ()), Worker("two", HOST, {}, 1, ("lab",))]
        self.present = {worker.address: worker for worker in workers}
        self.lost = [*lost]
        self.built = []

    def workers(self):
        return self.present

    def ship(self, worker, store, keys):
        assert keys == ("network",)

    def call(self, worker, task, step, timeout, *, name, hear):
        if worker.address in self.lost:
            self.lost.remove(worker.address)
            raise Lost(worker.address)
        self.built.append((worker.address, name))

    def fetch(self, worker, store, key):
        pass


def make(cluster, step, timed_at):
    Makers(cluster, None, timed_at).make(step, 1, lambda _: None)
    return cluster.built


def test_a_step_that_times_candidates_is_built_where_its_cells_are_measured():
    assert make(Cluster(), TUNED, {TUNED.key: "lab"}) == [("two", "lab")]
    assert make(Cluster("two"), TUNED, {TUNED.key: "lab"}) == [("two", "lab")], "again there, should it be lost"


def test_other_steps_are_built_by_whoever_has_the_least_to_do():
    assert make(Cluster(), PLAIN, {TUNED.key: "lab"}) == [("one", "")]


def test_it_is_built_by_this_process_where_this_host_measures(monkeypatch):
    done = []
    monkeypatch.setattr(elsewhere, "Children", lambda store: SimpleNamespace(make=lambda *asked: done.append(asked[0])))
    assert make(Cluster(), TUNED, {TUNED.key: ""}) == []
    assert done == [TUNED]


def test_without_a_worker_on_that_host_it_is_built_nowhere(monkeypatch):
    monkeypatch.setattr(elsewhere, "RETURN", 0.0)
    cluster = Cluster()
    del cluster.present["two"]
    with pytest.raises(Unserved, match=r"^no worker of lab is left in the cluster$"):
        make(cluster, TUNED, {TUNED.key: "lab"})


def test_the_place_is_that_of_the_first_host_whose_cells_need_the_step(monkeypatch):
    monkeypatch.setattr(Step, "exclusive", property(lambda step: step.layer == "codegen"))
    plan = plan_of()
    (executable,) = {cell.realisation.executable.key for cell in plan.cells}
    tasks = [
        Task(SimpleNamespace(baseline=SimpleNamespace(at=at), steps=plan.steps), {}, plan.cells, 1)
        for at in ("lab", "")
    ]
    assert _timed_at(tasks) == {executable: "lab"}
    assert _timed_at(tasks[::-1]) == {executable: ""}
