"""`dlas.api.tune`: only what tuned executables need is built, and nothing is measured."""

import pytest

from dlas import api
from dlas.errors import StudyError
from dlas.records import Records
from dlas.stack import Stack
from dlas.study.building import Failure
from dlas.study.spec import Part, Study

pytest.importorskip("tvm")


@pytest.fixture
def built(tmp_path, monkeypatch, forget):
    """Steps that a builder was given; it builds nothing and fails the tuned executable of the last network."""
    monkeypatch.setenv("DLAS_STORE", str(tmp_path))
    given = []

    class Builder:
        def __init__(self, store, jobs, timeout, listen):
            assert jobs == 1

        def build(self, steps):
            given.extend(steps)
            return {steps[-1].key: Failure("failed", "no linker")}

    monkeypatch.setattr(api, "Builder", Builder)
    return given


def study(*codegens):
    return Study("a study", Stack(model="resnet8@weights=random"), (Part({"codegen": codegens}),))


def test_only_what_tuned_executables_need_is_built(built):
    assert api.tune(study("tvm", "tvm@schedule=tuned", "onnxruntime")) == (0, ["no linker"])
    assert [step.layer for step in built] == ["dataset", "model", "codegen"]
    assert built[-1].option == "tvm@schedule=tuned"
    assert built[-1].exclusive
    assert "generation" not in built[-1].ingredients


def test_retuning_gives_the_executables_new_keys(built, tmp_path):
    api.tune(study("tvm@schedule=tuned"))
    api.tune(study("tvm@schedule=tuned"), retune=True)
    first, second = (step for step in built if step.layer == "codegen")
    assert second.ingredients["generation"] == Records(tmp_path).generation == 1
    assert first.key != second.key


def test_a_study_without_tuned_executables_is_refused(built):
    with pytest.raises(StudyError, match=r"^a study: nothing is tuned; write codegen = "):
        api.tune(study("tvm"))
