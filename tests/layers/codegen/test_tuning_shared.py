"""Twelve networks are tuned as one: what they share is searched once, and never again by another study."""

import json

import pytest

pytest.importorskip("tvm")
pytest.importorskip("onnx")

from dlas import api
from dlas.layers.codegen.tvm.tuning.tuned import FROZEN
from dlas.records import Records, Task
from dlas.stack import Stack
from dlas.study.spec import Part, Study

LEVELS = ("none", *(f"channel-prune@{level}" for level in (0.125, 0.25, 0.375, 0.5, 0.625)))
TRIALS = 2
MOST = 3 * TRIALS  # of one task, where much of the time is spent


def study(seed):
    """Two models at six levels of channel pruning, with weights of their own."""
    codegen = f"tvm@schedule=tuned,trials={TRIALS},space=template"
    models = tuple(f"{name}@weights=random,seed={seed}" for name in ("resnet8", "resnet20"))
    baseline = Stack(model=models[0], primitive="spatial-pack", codegen=codegen)
    return Study("shared", baseline, (Part({"model": models, "compression": LEVELS}),))


def tuned(folder):
    """What each tuned executable of the store froze."""
    return [json.loads(file.read_text()) for file in sorted(folder.rglob(FROZEN))]


@pytest.mark.slow
@pytest.mark.hours
@pytest.mark.timeout(3600)
def test_the_trials_of_twelve_networks_are_those_of_their_tasks(tmp_path, monkeypatch, forget):
    monkeypatch.setenv("DLAS_STORE", str(tmp_path))
    assert api.tune(study(0)) == (12, [])
    records, networks = Records(tmp_path).all(), tuned(tmp_path)
    tasks = [{Task(**entry["task"]).key for entry in network["tasks"]} for network in networks]
    assert len(networks) == 12
    assert {record.key for record in records} == set.union(*tasks), "nothing else was tried"
    assert len({record.name for record in records}) == len(records), "and nothing twice"
    assert max(sum(record.key == key for record in records) for key in set.union(*tasks)) <= MOST
    assert len(set.union(*tasks)) < sum(map(len, tasks)) / 2, "most tasks belong to several networks"
    assert sum(network["tune_trials"] for network in networks) > 2 * len(records)
    assert api.tune(study(1)) == (12, [])
    assert len(tuned(tmp_path)) == 24
    assert Records(tmp_path).all() == records
