"""A study's cells on a host: what cannot be and why, and the steps that cells share."""

import pytest
from handmade import HOST

from dlas import fingerprint
from dlas.errors import DataError, StudyError
from dlas.stack import Stack
from dlas.study.plan import journal_path, plan
from dlas.study.spec import Part, Study


@pytest.fixture(autouse=True)
def packages(monkeypatch, forget):
    """Every package is installed in version 1, but those that a test removes."""
    versions = {}
    monkeypatch.setattr(fingerprint, "package_version", lambda name: versions.get(name, "1"))
    return versions


def study(*parts, baseline=Stack()):  # noqa: B008 - a stack is a value
    return Study("planned", baseline, tuple(Part({k: tuple(v) for k, v in vary.items()}) for vary in parts))


def obstacles(planned):
    return {cell.label: cell.obstacle for cell in planned.cells if cell.obstacle}


def refusal(asked):
    with pytest.raises(StudyError) as problem:
        plan(asked, HOST)
    assert "\n" not in str(problem.value)
    return str(problem.value)


# --- cells ------------------------------------------------------------------------------------------------------


def test_the_baseline_is_the_first_cell_and_no_cell_is_there_twice():
    planned = plan(study({"codegen": ["torch", "openvino"]}, {"codegen": ["torch"]}), HOST)
    assert [cell.label for cell in planned.cells] == ["baseline", "codegen=torch"]
    assert planned.baseline.label == "baseline"
    assert planned.possible == planned.cells


def test_a_cells_key_tells_executable_and_hardware_apart():
    planned = plan(study({"codegen": ["openvino", "torch"], "hardware": ["cpu", "cpu@threads=2"]}), HOST)
    keys = {cell.label: cell.key for cell in planned.cells}
    assert len(set(keys.values())) == 4
    executables = {cell.label: cell.realisation.executable.key for cell in planned.cells}
    assert executables["baseline"] == executables["hardware=cpu@threads=2"], "the code does not depend on threads"


def test_planning_again_gives_the_same_keys(forget):
    asked = study({"compression": ["none", "int8"], "codegen": ["openvino", "onnxruntime"]})
    first = [cell.key for cell in plan(asked, HOST).cells]
    forget()
    assert [cell.key for cell in plan(asked, HOST).cells] == first


# --- what cannot be ---------------------------------------------------------------------------------------------


def test_something_impossible_among_others_is_inapplicable_with_its_reason():
    planned = plan(study({"compression": ["none", "int8"], "codegen": ["openvino", "torch"]}), HOST)
    assert obstacles(planned) == {
        "compression=int8 codegen=torch": "torch needs a torch module, which int8 does not leave"
    }
    assert len(planned.possible) == 3
    (impossible,) = (cell for cell in planned.cells if cell.obstacle)
    assert impossible.realisation is None


def test_something_impossible_asked_for_alone_is_refused():
    assert refusal(study({"hardware": ["cpu", "cpu@threads=64"]})) == (
        "nothing that was asked for can be: hardware=cpu@threads=64: 64 threads asked for, but this process may use 2"
    )


def test_several_impossible_things_and_nothing_else_are_refused_too():
    said = refusal(study({"hardware": ["cpu@threads=64", "cpu@threads=65"]}))
    assert said.startswith("nothing that was asked for can be: hardware=cpu@threads=64")


def test_a_baseline_that_cannot_be_is_refused():
    said = refusal(study({"codegen": ["torch"]}, baseline=Stack(hardware="cpu@threads=3")))
    assert said == (
        "the baseline cannot be: 3 threads asked for, but this process may use 2; "
        "choose another with --set or [baseline]"
    )


def test_a_package_that_is_not_installed_is_an_obstacle(packages):
    packages["openvino"] = None
    planned = plan(
        study({"codegen": ["openvino"]}, {"codegen": ["onnxruntime"]}, baseline=Stack(codegen="torch")), HOST
    )
    assert obstacles(planned) == {
        "codegen=openvino": "codegen openvino needs the package openvino; install dlas[all], or openvino alone"
    }


def test_a_step_that_needs_what_the_step_before_does_not_leave_is_an_obstacle():
    planned = plan(study({"compression": ["int8+weight-prune@0.5", "int8"]}), HOST)
    assert list(obstacles(planned)) == ["compression=int8+weight-prune@0.5"]
    assert "cannot follow int8" in obstacles(planned)["compression=int8+weight-prune@0.5"]


def test_data_that_nobody_located_is_told():
    with pytest.raises(DataError, match="nobody said where 'flowers' lies; add --data flowers=PATH"):
        plan(study({"codegen": ["torch"]}, baseline=Stack(dataset="npz@flowers")), HOST)


# --- steps ------------------------------------------------------------------------------------------------------


def named(steps):
    return [f"{step.layer} {step.option}" for step in steps]


def test_cells_share_their_steps():
    planned = plan(study({"compression": ["weight-prune@0.5", "weight-prune@0.5+int8"], "codegen": ["openvino"]}), HOST)
    steps = named(planned.steps())
    assert sorted(steps) == [
        *["codegen openvino"] * 3,
        "compression int8",
        "compression weight-prune@0.5",
        "dataset digits",
        "model resnet8",
    ]


def test_a_factorial_study_trains_each_network_once():
    vary = {"compression": ["none", "weight-prune@0.5", "weight-prune@0.9"], "codegen": ["openvino", "onnxruntime"]}
    steps = named(plan(study(vary), HOST).steps())
    assert len(steps) == 1 + 1 + 2 + 6
    assert steps.count("model resnet8") == 1


def test_inputs_come_before_what_needs_them():
    steps = plan(study({"compression": ["channel-prune@0.5+int8", "int8"]}), HOST).steps()
    seen = set()
    for step in steps:
        assert seen.issuperset(step.inputs)
        seen.add(step.key)


def test_steps_of_some_cells_are_those_only_and_impossible_ones_have_none():
    planned = plan(study({"compression": ["none", "int8"], "codegen": ["openvino", "torch"]}), HOST)
    cells = {cell.label: cell for cell in planned.cells}
    assert "codegen torch" not in named(planned.steps([cells["baseline"], cells["compression=int8"]]))
    assert planned.steps([cells["compression=int8 codegen=torch"]]) == ()


def test_the_journal_lies_beside_the_cube(tmp_path):
    assert journal_path(tmp_path / "demo.nc") == tmp_path / "demo.journal"
