"""Studies that ask for other hosts by name: plans by host, and which cells have nothing to be compared with."""

from dataclasses import replace

import pytest

from dlas.errors import StudyError
from dlas.host import Host
from dlas.realise import hardware_of
from dlas.stack import Stack
from dlas.study.cluster import refusal
from dlas.study.plan import names, plan
from dlas.study.spec import Part, Study

HERE = Host("A CPU", "x86_64", ("avx2", "fma"), (), 2, None, 2**34)
LAB = replace(HERE, cpu="B CPU", cores=8)
LEVELS = ("none", "weight-prune@0.5")


def study(*hardware, baseline="cpu"):
    return Study("s", Stack(hardware=baseline), (Part({"compression": LEVELS, "hardware": hardware}),))


def test_the_names_are_those_that_options_ask_for():
    assert names(study("cpu", "cpu@at=lab", "cpu@at=lab,threads=2", "cuda@at=gpus")) == ("lab", "gpus")


def test_a_cell_on_another_host_is_planned_for_that_host():
    planned = plan(study("cpu", "cpu@threads=8", "cpu@at=lab,threads=8"), HERE, {"lab": LAB})
    obstacles = {cell.stack.hardware: cell.obstacle for cell in planned.cells}
    assert obstacles["cpu@threads=8"] == "8 threads asked for, but this process may use 2"
    assert obstacles["cpu@threads=8,at=lab"] == ""


def test_the_baseline_stands_first_on_every_host_asked_for_or_not():
    planned = plan(study("cpu", "cpu@at=lab,threads=8"), HERE, {"lab": LAB})
    here, lab = planned.by_host()
    assert (here.host, here.baseline) == (HERE, planned.baseline)
    assert {cell.at for cell in here.cells} == {""}
    assert (lab.host, lab.baseline.label) == (LAB, "hardware=cpu@at=lab")
    assert lab.baseline not in planned.cells
    assert {cell.at for cell in lab.cells} == {"lab"}
    assert {c.stack.hardware for c in lab.cells[1:]} == {"cpu@threads=8,at=lab"}


def test_code_is_compiled_once_for_hosts_that_do_not_differ_in_what_it_depends_on():
    planned = plan(study("cpu", "cpu@at=lab"), HERE, {"lab": LAB})
    executables = {cell.realisation.executable.key for cell in planned.cells}
    assert len(executables) == 2
    assert len({cell.key for cell in planned.cells}) == 4


def test_a_name_that_nobody_knows_is_missing_with_the_reason():
    planned = plan(study("cpu", "cpu@at=lab"), HERE)
    found = {c.stack.hardware: (c.status, c.obstacle) for c in planned.cells if c.obstacle}
    assert found == {"cpu@at=lab": ("missing", "nobody measures for lab here; add --scheduler ADDRESS")}
    told = plan(study("cpu", "cpu@at=lab"), HERE, {}, {"lab": "it is on holiday"})
    assert {c.obstacle for c in told.cells} == {"", "it is on holiday"}
    assert len(planned.by_host()) == 1


def test_a_baseline_that_nobody_measures_is_an_error_before_the_start():
    with pytest.raises(StudyError, match="the baseline cannot be: nobody measures for lab here; add --scheduler"):
        plan(study("cpu@at=lab", baseline="cpu@at=lab"), HERE)


def test_a_baseline_that_cannot_be_on_a_host_leaves_that_host_without_one():
    planned = plan(study("cpu@threads=2", "cpu@at=lab", baseline="cpu@threads=2"), HERE, {"lab": replace(LAB, cores=1)})
    lab = planned.by_host()[1]
    assert lab.baseline.obstacle == "2 threads asked for, but this process may use 1"
    assert len(lab.possible) == 2
    assert {hardware_of(cell.stack).at for cell in lab.cells} == {"lab"}


EXPECTED = {"code": {"dlas": "abc"}, "packages": {"openvino": "1.0", "torch": None}}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (EXPECTED, ""),
        (
            {**EXPECTED, "code": {"dlas": "def"}},
            "its code of dlas is another than here; install the same version there",
        ),
        (
            {**EXPECTED, "packages": {"openvino": "2.0", "torch": None}},
            "it has openvino 2.0, here it is 1.0; make them the same",
        ),
        (
            {**EXPECTED, "packages": {"openvino": None, "torch": None}},
            "it has openvino (not installed), here it is 1.0; make them the same",
        ),
        (
            ModuleNotFoundError("No module named 'dlas'"),
            "it cannot run this dlas (ModuleNotFoundError: No module named 'dlas'); install the same version there",
        ),
    ],
)
def test_a_worker_that_differs_in_what_enters_keys_is_refused_with_the_reason(answer, why):
    assert refusal(EXPECTED, answer) == why
