"""Twelve networks, most of whose operators are alike, are tuned by the trials of what differs."""

import json

import pytest

pytest.importorskip("tvm")
pytest.importorskip("torch_pruning")

from dlas import api
from dlas.layers.codegen.tvm.tuning import tuned
from dlas.records import Records
from dlas.stack import Stack
from dlas.study.spec import Part, Study

MODELS = ("resnet8@weights=random", "mobilenetv2@width=0.25,weights=random")
LEVELS = tuple(f"channel-prune@0.{tenth},finetune=0" for tenth in range(1, 7))


def study(seed):
    """Two models at six levels of channel pruning; another seed draws other weights for the same operators."""
    models = tuple(f"{model},seed={seed}" for model in MODELS)
    base = Stack(model=models[0], compression=LEVELS[0], codegen="tvm@schedule=tuned,trials=1")
    return Study("shared", base, (Part({"model": models, "compression": LEVELS}),))


@pytest.mark.hours
def test_twelve_networks_share_their_trials_and_a_second_study_runs_none(tmp_path, monkeypatch, forget):
    monkeypatch.setenv("DLAS_STORE", str(tmp_path))
    assert api.tune(study(0)) == (12, [])
    found = Records(tmp_path).all()
    tasks = [
        task["record"]["task"]
        for path in tmp_path.glob(f"artifacts/*/{tuned.FROZEN}")
        for task in json.loads(path.read_text())["tasks"]
    ]
    kinds = {json.dumps(task, sort_keys=True) for task in tasks}
    assert len(kinds) < len(tasks), "networks have kernels in common"
    assert len({record.key for record in found}) == len(kinds)
    assert len({record.name for record in found}) == len(found), "no candidate was tried twice"
    assert api.tune(study(1)) == (12, [])
    assert Records(tmp_path).all() == found, "the second study has the same operators"
