"""Merging cubes of several hosts: labels, no pairing, conflicts refused."""

import json

import numpy as np
import pytest
from handmade import cube_of, measured, stack

from dlas import merge as merging
from dlas.cube import frame, open_cube, save
from dlas.errors import CubeError
from dlas.merge import at, merge
from dlas.report.summary import summary

TORCH, INT8 = stack(codegen="torch"), stack(compression="int8")


def on(host, values):
    cube = cube_of(values)
    facts = {**json.loads(cube.attrs["host"]), "cpu": host}
    cube.attrs |= {"host": json.dumps(facts), "hosts": json.dumps({"": facts})}
    cube.attrs["host_fingerprint"] = f"fingerprint of {host}"
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
def test_a_label_gets_the_name_of_its_host_unless_it_has_one(text, labelled):
    assert at(text, "lab") == labelled


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


def test_two_cubes_of_one_host_are_joined_under_one_name(laptop):
    more = on("Small CPU", {stack(): measured(), INT8: measured(0.8)})
    more["status"].loc[{"compression": "none"}] = "missing"
    merged = merge({"laptop": [laptop, more]})
    assert merged["hardware"].values.tolist() == ["cpu@at=laptop"]
    assert len(frame(merged)) == 3


def test_a_cell_that_both_measured_is_refused(laptop):
    with pytest.raises(CubeError) as problem:
        merge({"laptop": [laptop, laptop.copy(deep=True)]})
    said = str(problem.value)
    assert said.startswith("two cubes hold dataset=digits model=resnet8 compression=none ")
    assert said.endswith("; leave one of them out, or give the hosts different names")


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
