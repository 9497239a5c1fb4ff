"""The study's README says what its cube says, and nothing else; what is committed was measured."""

import json
import re

import keep
import pages
import pytest
from handmade import HOST
from stacks import figures_of, planted, two_hosts

from dlas import api, cube
from dlas.errors import CubeError
from dlas.study.journal import Journal


def test_every_figure_of_the_readme_is_that_of_the_committed_cube():
    written = pages.README.read_text(encoding="utf-8")
    assert pages.readme(api.open_cube(pages.newest()), written) == written


@pytest.mark.slow
def test_every_picture_is_that_of_the_committed_cube(tmp_path):
    pages.draw(api.open_cube(pages.newest()), tmp_path)
    drawn = {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()}
    assert drawn == {file.name: file.read_text(encoding="utf-8") for file in pages.FIGURES.iterdir()}


def test_the_committed_summary_is_that_of_the_committed_cube():
    path = pages.newest()
    told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert told["digest"] == api.open_cube(path).attrs["digest"]
    assert told["cells"]["ok"] > 0
    assert told["journal"]["runs"] >= told["cells"]["ok"]


@pytest.fixture
def small():
    values = [
        ({"compression": "fp16"}, figures_of(-0.5, 0.89)),
        ({"compression": "fp16", "primitive": "direct"}, figures_of(0.5, 0.89)),
        ({"primitive": "direct"}, figures_of(0.25)),
        ({"primitive": "gemm"}, {"status": "failed", "reason": "it crashed"}),
    ]
    return planted(values, HOST)


def test_tables_hold_what_was_planted(small):
    said = pages.text(small)
    assert "5 cells: 4 ok, 1 failed." in said
    assert "| failed | 1 | it crashed |" in said
    assert "| `fp16` | 1.65× (1) | -1.0 (1) |" in said  # the same stack uncompressed, native
    assert "| `none` | 0.78× (1) |" in said  # direct against native
    assert "No cell of this cube stands beside a bar of 2018." in said


def test_reasons_that_differ_by_a_figure_are_one_row():
    known = ["known to ±19% only", "known to ±9.5% only", "lost"]
    failed = [{"status": "failed", "reason": reason} for reason in known]
    places = ({"primitive": "gemm"}, {"primitive": "direct"}, {"primitive": "winograd"})
    said = pages.text(planted(list(zip(places, failed, strict=True)), HOST))
    assert "| failed | 2 | known to ±9.5 to 19% only |\n| failed | 1 | lost |" in said


def test_accuracy_is_averaged_over_networks_whatever_number_of_executables_they_have():
    fp16, other = {"compression": "fp16"}, {"model": "vgg16@width=0.2"}
    values = [(other, figures_of(0.0)), ({**other, **fp16}, figures_of(0.0, 0.80)), (fp16, figures_of(0.0, 0.90))]
    for more in ({"primitive": "direct"}, {"codegen": "openvino"}, {"model": "resnet18@width=0.2,seed=1"}):
        values += [(more, figures_of(0.0)), ({**more, **fp16}, figures_of(0.0, 0.90))]
    assert "| -5.0 (-10.0 to +0.0; 2) |" in pages.text(planted(values, HOST))


def test_of_a_merged_cube_each_host_has_tables_of_its_own_and_claims_go_across(tmp_path):
    gain = [({"compression": "fp16"}, figures_of(log, 0.89, macs=5e5)) for log in (-0.5, 1.0)]
    cube = two_hosts([gain[0], ({"hardware": "cpu@threads=2"}, figures_of(-0.5))], [gain[1]])
    cube.attrs["noise"] = json.dumps({"two": {"half": 0.05, "seconds": 0.2}})
    said = pages.text(cube)
    assert "5 cells: 5 ok. Measured on : one (Toy CPU, 2 processors); two (Big CPU, 2 processors)." in said
    assert "A look of 0.2 s at two knew a kernel's ratio to itself to ±5 %." in said
    _, one, two = re.split("^## On .*$", said, flags=re.M)
    assert "| `fp16` | 1.65× (1) |" in one
    assert "| `fp16` | 0.37× (1) |" in two
    assert "**supported** | 1 of 1 bear out, 0 contradict; for it most clearly: fp16 multiplies latency by 4.48" in said
    pages.draw(cube, tmp_path)
    assert {file.stem for file in tmp_path.iterdir()} == set(pages.PICTURES)


def test_only_the_smoke_study_is_labelled_as_no_answer(small):
    assert "has not been measured yet" not in pages.text(small)
    small.attrs["title"] = "across-stack, smoke"
    assert pages.text(small).startswith("**The study itself has not been measured yet.")


def test_what_stands_outside_the_marks_is_kept(small):
    before = "# Title\n" + pages.START + "of an earlier cube\n" + pages.END + "# Limits\n"
    after = pages.readme(small, before)
    assert after.startswith("# Title\n" + pages.START)
    assert after.endswith(pages.END + "# Limits\n")
    assert "of an earlier cube" not in after
    assert pages.readme(small, after) == after


@pytest.fixture
def measured(small, tmp_path):
    """Writes the small cube under a title, with a journal beside it."""

    def under(title, name="run"):
        path = tmp_path / f"{name}.nc"
        cube.save(small.assign_attrs(title=title, digest=title), path)
        Journal(path.with_suffix(".journal")).close()
        return path

    return under


@pytest.mark.parametrize(
    ("title", "files"),
    [
        ("across-stack, smoke", {"smoke.nc", "smoke.json"}),
        ("across-stack", {"study.nc", "study.json", "study.html"}),
    ],
)
def test_a_cube_is_kept_under_its_own_name_with_its_summary(measured, tmp_path, title, files):
    path = measured(title)
    copy = keep.keep(path, folder=tmp_path / "kept")
    assert {file.name for file in copy.parent.iterdir()} == files
    assert api.open_cube(copy).attrs["digest"] == api.open_cube(path).attrs["digest"]
    told = json.loads(copy.with_suffix(".json").read_text(encoding="utf-8"))
    assert (told["cells"], told["journal"]) == ({"ok": 4, "failed": 1}, {"sessions": 0, "blocks": 0, "runs": 0})


def test_what_is_neither_the_study_nor_the_smoke_study_is_not_kept(measured, tmp_path):
    with pytest.raises(CubeError) as problem:
        keep.keep(measured("across-stack, full size", "full"), folder=tmp_path / "kept")
    assert str(problem.value) == (
        f"{tmp_path}/full.nc is of 'across-stack, full size'; only a cube of 'across-stack' or 'across-stack, smoke' "
        "is kept here"
    )
    assert not (tmp_path / "kept").exists()


def test_a_cube_without_its_journal_is_not_kept_and_those_of_its_parts_can_be_named(measured, tmp_path):
    path = measured("across-stack, smoke")
    journals = [path.with_suffix(".journal").rename(tmp_path / "monday.journal"), tmp_path / "tuesday.journal"]
    Journal(journals[1]).close()
    with pytest.raises(CubeError, match=r"run\.journal is not there; name the journals of the cube's parts"):
        keep.keep(path, folder=tmp_path / "kept")
    kept = keep.keep(path, journals, tmp_path / "kept").with_suffix(".json")
    counted = {"sessions": 1, "blocks": 2, "runs": 3}
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "journal": counted}))
    again = keep.keep(path, [kept, journals[1]], tmp_path / "again").with_suffix(".json")
    assert json.loads(again.read_text())["journal"] == counted, "what was kept of a journal stands for it"
