"""What is still to do, why, and how long its like took before."""

import pytest
from handmade import plan_of, stack

from dlas.artifacts import MANIFEST
from dlas.realise import Step
from dlas.study.estimate import LOADING, measuring_seconds, missing_work

TARGET = {"architecture": "x86_64", "isa": "native", "batch": 1}


def executable(option="openvino", inputs=("network",), **changes):
    packages = {"openvino": "2025.1.0"}
    ingredients = {
        "code": "abc",
        "primitive": "native",
        "primitive_code": "def",
        "target": TARGET,
        "packages": packages,
    }
    return Step("codegen", option, tuple(inputs), {**ingredients, **changes})


def prune(option, code="abc"):
    return Step("compression", option, ("network", "data"), {"code": code})


def build(store, *steps):
    for step in steps:
        store.build(step.recipe, lambda out, work: {})


def why(store, step):
    (work,) = missing_work([step], store)
    return work.why


# --- what is missing --------------------------------------------------------------------------------------------


def test_what_is_in_the_store_is_no_work(store):
    build(store, executable(), prune("int8"))
    missing = executable("torch")
    assert [work.step for work in missing_work([executable(), missing, prune("int8")], store)] == [missing]


def test_an_artifact_whose_manifest_is_lost_must_be_made_again(store):
    build(store, executable())
    (store.get(executable().key).folder / MANIFEST).unlink()
    assert [work.step for work in missing_work([executable()], store)] == [executable()]


def test_an_option_that_was_never_built_says_so(store):
    build(store, executable("torch"))
    assert why(store, executable("openvino")) == "never built"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code": "new"}, "its code"),
        ({"primitive_code": "new"}, "the primitive's code"),
        ({"packages": {"openvino": "2025.2.0"}}, "packages openvino (2025.1.0 → 2025.2.0)"),
        ({"inputs": ("another",)}, "what it is made from"),
        ({"target": {**TARGET, "isa": "avx2"}}, "target isa (native → avx2)"),
        ({"primitive": "gemm"}, "primitive"),
        ({"code": "new", "inputs": ("another",)}, "its code, what it is made from"),
    ],
)
def test_what_changed_since_it_was_built_is_named(store, changes, said):
    build(store, executable())
    assert why(store, executable(**changes)) == f"changed since it was built: {said}"


def test_changed_data_are_named(store):
    before, after = (Step("dataset", "npz@flowers", (), {"code": "abc", "content": c}) for c in ("old", "new"))
    build(store, before)
    assert why(store, after) == "changed since it was built: the data"


def test_the_most_similar_artifact_is_the_one_compared_with(store):
    build(store, executable(inputs=("far",), code="far", primitive="far"), executable(code="near"))
    assert why(store, executable()) == "changed since it was built: its code"


# --- how long ---------------------------------------------------------------------------------------------------


@pytest.fixture
def took(monkeypatch):
    """Seconds that the next builds will seem to have taken."""
    times = {"now": 0.0}
    monkeypatch.setattr("dlas.artifacts.time.monotonic", lambda: times["now"])

    def of(store, step, seconds):
        def make(out, work):
            times["now"] += seconds
            return {}

        store.build(step.recipe, make)

    return of


def seconds(store, step):
    (work,) = missing_work([step], store)
    return work.seconds


def test_a_step_takes_what_its_like_took_in_the_median(store, took):
    for level, duration in ((0.1, 10), (0.2, 40), (0.3, 20)):
        took(store, prune(f"weight-prune@{level}"), duration)
    took(store, prune("int8"), 500)
    assert seconds(store, prune("weight-prune@0.9")) == 20


def test_nothing_alike_is_of_unknown_length(store, took):
    took(store, prune("int8"), 500)
    assert seconds(store, prune("weight-prune@0.9")) is None


def test_a_store_with_an_artifact_of_an_option_that_is_gone_is_no_obstacle(store):
    """Somebody else's package made it, and was removed."""
    build(store, prune("magic-prune@0.5"), executable("magic-compiler"))
    assert seconds(store, prune("weight-prune@0.9")) is None


def test_an_artifact_of_an_option_that_is_written_otherwise_today_is_no_obstacle(store):
    build(store, prune("weight-prune@0.5,epochs=3"))
    assert seconds(store, prune("int8")) is None


@pytest.mark.parametrize(("others", "members"), [(1, 3), (12, 14), (13, 17), (60, 70)])
def test_measuring_takes_each_cells_budget_and_loading_and_the_companions_of_every_block(others, members):
    plan = plan_of(*(stack(compression=f"weight-prune@{n / 100:g}") for n in range(1, others + 1)))
    asked = plan.study.measure
    assert measuring_seconds(plan, plan.cells) == members * (asked.budget + asked.processes * LOADING)


def test_a_baseline_alone_has_the_kernel_beside_it_and_nothing_takes_no_time():
    plan = plan_of()
    assert measuring_seconds(plan, plan.cells) == 2 * (
        plan.study.measure.budget + plan.study.measure.processes * LOADING
    )
    assert measuring_seconds(plan, []) == 0
