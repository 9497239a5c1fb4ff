"""Merging cubes of one host or several: labels, no pairing, conflicts refused; and taking them apart."""

import json

import numpy as np
import pytest
from handmade import cube_of, measured, stack

from dlas import api
from dlas import merge as merging
from dlas.analysis.best import best
from dlas.cube import frame, open_cube, save
from dlas.errors import CubeError
from dlas.host import revive
from dlas.merge import anywhere, apart, at, merge
from dlas.report import reproduce
from dlas.report.summary import summary
from dlas.table import notes

TORCH, INT8 = stack(codegen="torch"), stack(compression="int8")


def on(host, values):
    cube = cube_of(values)
    facts = {**json.loads(cube.attrs["host"]), "cpu": host}
    cube.attrs |= {"host": json.dumps(facts), "hosts": json.dumps({"": facts})}
    cube.attrs["host_fingerprint"] = revive(facts).fingerprint
    return cube


@pytest.fixture
def laptop():
    return on("Small CPU", {stack(): measured(latency=2e-3), TORCH: measured(1.7, latency=3.4e-3)})


@pytest.fixture
def server():
    return on("Big CPU", {stack(): measured(latency=1e-3), INT8: measured(0.5, latency=5e-4)})


@pytest.mark.parametrize(
    ("text", "labelled"),
    [
        ("cpu", "cpu@at=lab"),
        ("cpu@threads=2,batch=8", "cpu@threads=2,batch=8,at=lab"),
        ("cuda@1", "cuda@1,at=lab"),
        ("cpu@at=other", "cpu@at=other"),
    ],
)
def test_a_label_gets_the_name_of_its_host_unless_it_has_one_and_loses_it_again(text, labelled):
    assert at(text, "lab") == labelled
    assert anywhere(labelled) == text.partition("@at=")[0]


def test_a_name_with_reserved_characters_is_encoded():
    assert at("cpu", "my lab, room 1") == "cpu@at=my%20lab%2C%20room%201"


def test_every_cell_keeps_its_figures_under_the_label_of_its_host(laptop, server):
    merged = merge({"laptop": [laptop], "server": [server]})
    assert merged["hardware"].values.tolist() == ["cpu@at=laptop", "cpu@at=server"]
    table = frame(merged).set_index(["compression", "codegen", "hardware"])
    assert len(table) == 4
    assert table.loc[("none", "torch", "cpu@at=laptop"), "latency"] == 3.4e-3
    assert table.loc[("int8", "openvino", "cpu@at=server"), "relative_latency"] == 0.5
    for host in ("laptop", "server"):
        assert table.loc[("none", "openvino", f"cpu@at={host}"), "relative_latency"] == 1.0, "its own baseline"


def test_each_hardware_label_tells_its_host(laptop, server):
    merged = merge({"laptop": [laptop], "server": [server]})
    assert {name: host["cpu"] for name, host in json.loads(merged.attrs["hosts"]).items()} == {
        "laptop": "Small CPU",
        "server": "Big CPU",
    }
    assert merged["at"].values.tolist() == ["laptop", "server"]
    assert merged["threads"].values.tolist() == [1, 1]
    assert merged["technique"].values.tolist() == ["none", "int8"]


def test_the_report_of_a_merged_cube_names_its_hosts(laptop, server):
    said = summary(merge({"laptop": [laptop], "server": [server]})).study[-1]
    assert said == (
        "Measured on 2 hosts: laptop (Small CPU), server (Big CPU). Each cell is compared with its own host's "
        "baseline: hosts are never paired."
    )


def test_findings_of_a_merged_cube_are_told_host_by_host_without_their_baselines(laptop, server):
    found = summary(merge({"laptop": [laptop], "server": [server]}))
    assert [sentence.partition(":")[0] for sentence in found.findings if sentence.startswith("On ")] == [
        "On laptop",
        "On server",
    ]
    assert found.findings[1].startswith("On server: The fastest cell is compression=int8 hardware=cpu@at=server: 2.0")
    assert "On server" not in found.findings[0]


def test_hosts_of_one_model_are_not_paired():
    """The laptop's int8 halves its own baseline; the server's baseline is faster all the same."""
    cubes = {
        "laptop": [on("Small CPU", {stack(): measured(latency=1e-2), INT8: measured(0.5, latency=5e-3)})],
        "server": [on("Small CPU", {stack(): measured(latency=1e-3), INT8: measured(0.8, latency=8e-4)})],
    }
    for cores, (cube,) in enumerate(cubes.values(), 2):
        facts = {**json.loads(cube.attrs["host"]), "cores": cores}
        cube.attrs |= {"host": json.dumps(facts), "hosts": json.dumps({"": facts})}
        cube.attrs["host_fingerprint"] = revive(facts).fingerprint
    merged = merge(cubes)
    assert len(set(merged["host"].values.tolist())) == 1
    assert best(merged, subject_to="none")["cell"].iloc[0] == "compression=int8 hardware=cpu@at=server"


def test_a_merged_cube_or_one_without_its_journal_is_not_measured_over(laptop, server, tmp_path):
    save(merge({"laptop": [laptop], "server": [server]}), tmp_path / "both.nc")
    save(laptop, tmp_path / "one.nc")
    before = (tmp_path / "both.nc").read_bytes()
    for again in (api.remeasure, lambda path: api.refine(path, "best", 1)):
        with pytest.raises(CubeError, match=r"both.nc was merged of 2 cubes; measure those again, then merge anew"):
            again(tmp_path / "both.nc")
        with pytest.raises(CubeError, match=r"one.nc: its journal .* is not there; put it back, or measure anew"):
            again(tmp_path / "one.nc")
    assert (tmp_path / "both.nc").read_bytes() == before


def test_two_cubes_of_one_host_are_joined_under_one_name(laptop):
    more = on("Small CPU", {stack(): measured(), INT8: measured(0.8)})
    more["status"].loc[{"compression": "none"}] = "missing"
    merged = merge({"laptop": [laptop, more]})
    assert merged["hardware"].values.tolist() == ["cpu@at=laptop"]
    assert len(frame(merged)) == 3


def test_of_two_cubes_of_one_host_the_first_ones_baseline_is_kept(laptop):
    later = on("Small CPU", {stack(): measured(latency=9e-3), INT8: measured(0.8, latency=7.2e-3)})
    merged = merge({"": [laptop, later]})
    assert merged["hardware"].values.tolist() == ["cpu"]
    table = frame(merged).set_index(["compression", "codegen"])
    assert len(table) == 3
    assert table.loc[("none", "openvino"), "latency"] == 2e-3
    assert table.loc[("int8", "openvino"), ["latency", "relative_latency"]].tolist() == [7.2e-3, 0.8], "its own"
    named = merge({"lab": [laptop, later], "server": [on("Big CPU", {stack(): measured()})]})
    assert merge({"": [named, on("New CPU", {INT8: measured(), stack(): measured()})]}).sizes["hardware"] == 3


def test_a_baseline_that_was_not_measured_in_the_first_cube_is_the_seconds():
    first, later = (on("Small CPU", {stack(): measured(latency=latency)}) for latency in (1e-3, 2e-3))
    first["status"][:] = "missing"
    assert merge({"": [first, later]})["latency"].item() == 2e-3


def test_any_other_cell_that_both_measured_is_refused(laptop):
    with pytest.raises(CubeError) as problem:
        merge({"laptop": [laptop, laptop.copy(deep=True)]})
    said = str(problem.value)
    assert said.startswith("two cubes hold dataset=digits model=resnet8 compression=none ")
    assert said.endswith(" codegen=torch hardware=cpu@at=laptop; leave one of them out")


def test_cubes_of_several_hosts_must_be_named(laptop, server):
    with pytest.raises(CubeError) as problem:
        merge({"": [laptop, server]})
    assert str(problem.value) == "the cubes are of 2 hosts (Small CPU, Big CPU); name each: NAME=CUBE.nc"
    with pytest.raises(CubeError, match="the host without a name and lab are one host; give both cubes the same name"):
        merge({"": [laptop], "lab": [laptop]})


def test_noise_and_peaks_are_kept_by_the_name_of_their_host(laptop, server):
    def known(cube, half, gflops):
        noise = {"": {"half": half, "seconds": 0.2}}
        return cube.assign_attrs(noise=json.dumps(noise), peaks=json.dumps({"": {"gflops": gflops}}))

    later = on("Small CPU", {stack(): measured(), INT8: measured()})
    merged = merge({"laptop": [known(laptop, 0.1, 1), known(later, 0.3, 3)], "server": [known(server, 0.2, 2)]})
    noise = json.loads(merged.attrs["noise"])
    assert {name: seen["half"] for name, seen in noise.items()} == {"laptop": 0.3, "server": 0.2}, "the worst look"
    assert json.loads(merged.attrs["peaks"]) == {"laptop": {"gflops": 1}, "server": {"gflops": 2}}
    assert [note.partition(":")[0] for note in notes(merged)[1:]] == ["laptop", "server"]


def test_a_merged_cube_comes_apart_into_what_it_was(laptop, server):
    noise = {"": {"half": 0.1, "seconds": 0.2}}
    parts = apart(merge({"laptop": [laptop.assign_attrs(noise=json.dumps(noise))], "server": [server]}))
    for part, was in zip(parts.values(), (laptop, server), strict=True):
        assert frame(part).equals(frame(was)[frame(part).columns])
        assert {name: part.attrs[name] for name in ("baseline", "host", "hosts", "host_fingerprint")} == {
            name: was.attrs[name] for name in ("baseline", "host", "hosts", "host_fingerprint")
        }
    assert [json.loads(part.attrs["noise"]) for part in parts.values()] == [noise, {}]
    (only,) = apart(laptop).values()
    assert frame(only).equals(frame(laptop))


def test_one_host_under_two_names_and_two_hosts_under_one_are_refused(laptop, server):
    with pytest.raises(CubeError, match="a and b are one host; give both cubes the same name"):
        merge({"a": [laptop], "b": [laptop]})
    with pytest.raises(CubeError, match="two hosts are called a; give each its own name"):
        merge({"a": [laptop, server]})


def test_other_baselines_and_a_single_cube_are_refused(laptop):
    other = cube_of({stack(model="resnet20"): measured()}, baseline=stack(model="resnet20"))
    with pytest.raises(CubeError, match="different baselines"):
        merge({"laptop": [laptop], "server": [other]})
    with pytest.raises(CubeError, match="needs two cubes"):
        merge({"laptop": [laptop]})


def test_what_was_never_planned_stays_unplanned(laptop, server):
    merged = merge({"laptop": [laptop], "server": [server]})
    hole = merged.sel(compression="int8", codegen="torch", hardware="cpu@at=server").squeeze()
    assert hole["status"].item() == "unplanned"
    assert np.isnan(hole["latency"].item())


def test_a_merged_cube_can_be_saved_opened_and_shown(laptop, server, tmp_path):
    merged = merging.merge({"laptop": [laptop], "server": [server]})
    save(merged, tmp_path / "both.nc")
    back = open_cube(tmp_path / "both.nc")
    assert back.attrs["digest"] == merged.attrs["digest"]
    options = list(back.dlas.table()["option"])
    assert options[0] == "baseline"
    assert "hardware=cpu@at=server" in options


def test_each_host_keeps_the_environment_that_it_was_measured_in(laptop, server):
    for cube, python in ((laptop, "3.11.7"), (server, "3.12.1")):
        cube.attrs["environment"] = json.dumps({"python": python, "packages": {"openvino": "2026.4.1"}})
    merged = merge({"laptop": [laptop], "server": [server]})
    found = {place: json.loads(own.attrs["environment"])["python"] for place, own in apart(merged).items()}
    assert found == {"laptop": "3.11.7", "server": "3.12.1"}
    told = dict(reproduce.environment(merged))
    assert (told["laptop: Python"], told["server: Python"]) == ("3.11.7", "3.12.1")
    assert told["server: processor"] == "Big CPU"
