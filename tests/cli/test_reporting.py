"""`dlas report`, `dlas compare`, `dlas merge` as a user types them."""

import json
import sys
from dataclasses import asdict, replace

import pytest
from handmade import HOST, cube_of, interval, measured, stack

from dlas.cli import app
from dlas.cube import open_cube, save

INT8 = stack(compression="int8")


@pytest.fixture
def dlas(tmp_path, monkeypatch, capsys):
    """Runs a command in a folder with cubes of one host (two of one study) and of another.

    Gives its exit code, what it printed, what it complained.
    """
    monkeypatch.chdir(tmp_path)
    narrow = {stack(): 1e-3, INT8: 5e-4}
    for name, factor in (("before", 1.0), ("after", 1.2)):
        values = {}
        for one, latency in narrow.items():
            own = latency * (factor if one == INT8 else 1.0)
            values[one] = {**measured(latency / 1e-3, 1.01), **interval("latency", own, own / 1.01, own * 1.01)}
        save(cube_of(values), tmp_path / f"{name}.nc")
    facts = {"": asdict(replace(HOST, cpu="Big CPU"))}
    save(cube_of(values).assign_attrs(hosts=json.dumps(facts), digest="of another host"), tmp_path / "server.nc")
    save(cube_of({stack(): measured(), stack(compression="fp16"): measured()}), tmp_path / "later.nc")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dlas", *arguments])
        try:
            app.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return run


def test_a_report_lies_beside_its_cube_unless_told_otherwise(dlas, tmp_path):
    code, said, _ = dlas("report", "before.nc")
    assert (code, said.split()[:2]) == (0, ["report", "before.html"])
    assert (tmp_path / "before.html").read_text().startswith("<!doctype html>")


def test_a_comparison_fails_on_what_it_was_told_to(dlas):
    assert dlas("compare", "before.nc", "after.nc")[0] == 0
    code, said, _ = dlas("compare", "before.nc", "after.nc", "--fail-on", "slower=3%")
    assert code == 1
    assert said.splitlines()[-1] == "limit broken  compression=int8: 20.0% slower, the limit is 3.0%"
    assert dlas("compare", "before.nc", "before.nc", "--fail-on", "slower=3%", "--fail-on", "status")[0] == 0


def test_a_comparison_can_be_read_by_scripts(dlas):
    code, said, _ = dlas("compare", "before.nc", "after.nc", "--format", "json", "--fail-on", "slower=50%")
    found = json.loads(said)
    assert (code, found["breaches"]) == (0, [])
    assert found["changes"][1]["latency"]["value"] == pytest.approx(1.2)


def test_a_comparison_can_be_put_into_a_pull_request(dlas):
    code, said, _ = dlas("compare", "before.nc", "after.nc", "--format", "markdown", "--fail-on", "slower=3%")
    assert code == 1
    assert said.startswith("## Comparison\n")
    assert "- **compression=int8: 20.0% slower, the limit is 3.0%**" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("compare", "before.nc", "none.nc"), "dlas: cube none.nc does not exist"),
        (("compare", "before.nc", "after.nc", "--format", "pdf"), "dlas: --format pdf is unknown; choose one of text"),
        (("compare", "before.nc", "after.nc", "--fail-on", "x"), "dlas: --fail-on x is unknown; write slower=3%"),
        (
            ("merge", "a=before.nc", "b=after.nc", "-o", "c.nc"),
            "dlas: a and b are one host; give both cubes the same",
        ),
        (("merge", "before.nc", "server.nc", "-o", "c.nc"), "dlas: the cubes are of 2 hosts (Toy CPU, Big CPU); name"),
        (("merge", "before.nc", "-o", "c.nc"), "dlas: a merge needs two cubes or more"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_two(dlas, arguments, sentence):
    code, said, complained = dlas(*arguments)
    assert (code, said) == (2, "")
    assert complained.startswith(sentence)
    assert complained.count("\n") == 1


def test_a_merge_says_what_it_wrote(dlas, tmp_path):
    code, said, _ = dlas("merge", "laptop=before.nc", "server.nc", "-o", "both.nc")
    assert (code, said) == (0, "cube     both.nc (4 cells of 2 hosts: laptop, server)\n")
    assert open_cube(tmp_path / "both.nc")["hardware"].values.tolist() == ["cpu@at=laptop", "cpu@at=server"]


def test_cubes_of_one_host_need_no_name(dlas, tmp_path):
    code, said, _ = dlas("merge", "before.nc", "later.nc", "-o", "both.nc")
    assert (code, said) == (0, "cube     both.nc (3 cells of one host)\n")
    assert open_cube(tmp_path / "both.nc")["hardware"].values.tolist() == ["cpu"]
