"""The cube: six dimensions always, a status everywhere, and a file that is one or is told to be none."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
import xarray as xr
from handmade import HOST, cube_of, measured, plan_of, stack

import dlas
from dlas import cube as cubes
from dlas.cube import LARGEST, build, from_journal, open_cube, save, select
from dlas.errors import CubeError
from dlas.option import LAYERS
from dlas.stack import Stack
from dlas.study.journal import Journal
from dlas.study.spec import Study
from dlas.variables import NUMBERS, TEXTS

PRUNED, TORCH = stack(compression="weight-prune@0.9"), stack(codegen="torch")
THREADS = stack(hardware="cpu@threads=2,batch=8")


@pytest.fixture
def star():
    """Baseline, one other compression, one other code generator: one of four positions was never planned."""
    return cube_of({stack(): measured(), PRUNED: measured(0.9), TORCH: measured(1.7, latency=1.7e-3)})


def sentence(action, *arguments, **named):
    with pytest.raises(CubeError) as problem:
        action(*arguments, **named)
    said = str(problem.value)
    assert "\n" not in said
    return said


# --- its shape --------------------------------------------------------------------------------------------------


def test_there_are_always_six_dimensions_of_length_one_where_nothing_varies():
    alone = cube_of({stack(): measured()})
    assert dict(alone.sizes) == dict.fromkeys(LAYERS, 1)
    assert all(alone[name].dims == LAYERS for name in (*NUMBERS, *TEXTS))


def test_a_dimension_has_the_options_of_its_layer_the_baselines_first(star):
    assert star["compression"].values.tolist() == ["none", "weight-prune@0.9"]
    assert star["codegen"].values.tolist() == ["openvino", "torch"]
    assert [star.sizes[layer] for layer in LAYERS] == [1, 1, 2, 1, 2, 1]


def test_each_value_lies_where_its_stack_says(star):
    places = {("none", "openvino"): 1e-3, ("weight-prune@0.9", "openvino"): 1e-3, ("none", "torch"): 1.7e-3}
    for (compression, codegen), latency in places.items():
        assert star["latency"].sel(compression=compression, codegen=codegen).item() == latency


def test_a_position_that_no_part_asked_for_is_unplanned_and_has_no_figures(star):
    hole = star.sel(compression="weight-prune@0.9", codegen="torch").squeeze()
    assert hole["status"].item() == "unplanned"
    assert all(np.isnan(hole[name].item()) for name in NUMBERS)
    assert all(hole[name].item() == "" for name in TEXTS if name != "status")


def test_a_cell_that_has_not_been_measured_is_missing_and_one_that_cannot_be_says_why(tmp_path):
    plan = plan_of(PRUNED, TORCH, obstacles={"codegen=torch": "torch is not installed"})
    found = from_journal(plan, tmp_path / "empty.nc")
    statuses = {cell.label: found.sel(cell.stack.as_dict()).squeeze() for cell in plan.cells}
    assert {label: cell["status"].item() for label, cell in statuses.items()} == {
        "baseline": "missing",
        "compression=weight-prune@0.9": "missing",
        "codegen=torch": "inapplicable",
    }
    assert statuses["codegen=torch"]["reason"].item() == "torch is not installed"
    assert statuses["baseline"]["reason"].item() == "not measured yet"


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_has_a_unit_and_a_long_name(star, name):
    assert star[name].dtype == np.float64
    assert star[name].attrs["units"] in ("s", "1", "1/s", "byte")
    assert len(star[name].attrs["long_name"]) > 5


def test_the_cube_tells_its_baseline_host_and_study(star):
    assert Stack(**json.loads(star.attrs["baseline"])) == stack()
    assert json.loads(star.attrs["host"])["cpu"] == HOST.cpu
    assert star.attrs["host_fingerprint"] == HOST.fingerprint
    assert json.loads(star.attrs["spec"])["measure"]["margin"] == 0.02


@pytest.mark.parametrize("seconds", [60.0, 7200.0])
def test_the_study_of_a_cube_has_the_time_that_a_build_may_take(seconds):
    plan = plan_of(PRUNED)
    values = {cell.label: {"status": "missing", "reason": ""} for cell in plan.cells}
    cube = cubes.build(replace(plan, study=replace(plan.study, build_timeout=seconds)), values, [])
    assert cubes.study_of(cube, {}).build_timeout == seconds


def test_a_cube_of_an_older_dlas_builds_as_long_as_by_default(star):
    spec = json.loads(star.attrs["spec"])
    del spec["build_timeout"]
    assert cubes.study_of(star.assign_attrs(spec=json.dumps(spec)), {}).build_timeout == Study("any").build_timeout


def test_sessions_of_other_hosts_are_named_and_do_not_lend_their_environment(tmp_path):
    plan = plan_of(PRUNED)
    journal = Journal(tmp_path / "demo.journal")
    for host, facts, python in ((HOST.fingerprint, {"cpu": "mine"}, "3.11"), ("other", {"cpu": "Big CPU"}, "3.12")):
        journal.open_session("2024-02-29T12:00:00", host, facts, {"python": python}, 1)
    journal.close()
    found = from_journal(plan, tmp_path / "demo.nc")
    assert json.loads(found.attrs["other_hosts"]) == ["Big CPU"]
    assert json.loads(found.attrs["environment"]) == {"python": "3.11"}
    assert json.loads(found.attrs["measured"]) == ["2024-02-29"]


def test_parameters_are_coordinates(star):
    assert star["technique"].values.tolist() == ["none", "weight-prune"]
    np.testing.assert_array_equal(star["level"].values, [np.nan, 0.9])
    wide = cube_of({stack(): measured(), THREADS: measured()})
    assert wide["threads"].values.tolist() == [1, 2]
    assert wide["batch"].values.tolist() == [1, 8]


def test_the_technique_of_a_chain_is_its_names_and_its_level_that_of_its_first_step():
    chain = cube_of({stack(): measured(), stack(compression="channel-prune@0.5+int8"): measured()})
    assert chain["technique"].values.tolist() == ["none", "channel-prune+int8"]
    assert chain["level"].values[1] == 0.5


def test_a_cube_of_more_than_ten_million_positions_is_refused_in_a_sentence():
    levels = [stack(compression=f"weight-prune@0.{i:04}") for i in range(1, 400)]
    batches = [stack(hardware=f"cpu@batch={i}") for i in range(2, 260)]
    data = [stack(dataset=f"npz@set{i}") for i in range(100)]
    plan = plan_of(*levels, *batches, *data)
    positions = 400 * 259 * 101
    assert positions > LARGEST
    said = sentence(build, plan, {cell.label: measured() for cell in plan.cells}, [])
    assert said == f"the cube would have {positions} positions; split the study into smaller ones"


# --- the tidy table ---------------------------------------------------------------------------------------------


def test_the_frame_has_the_planned_cells_only_and_the_six_layers_first(star):
    table = star.dlas.frame()
    assert len(table) == 3
    assert list(table.columns[:6]) == list(LAYERS)
    assert "unplanned" not in set(table["status"])
    assert list(table.index) == [0, 1, 2]
    assert list(table["relative_latency"]) == [1.0, 1.7, 0.9]


# --- selecting --------------------------------------------------------------------------------------------------


def test_selecting_by_option_keeps_all_six_dimensions(star):
    part = star.dlas.sel(codegen="torch")
    assert dict(part.sizes) == {**dict.fromkeys(LAYERS, 1), "compression": 2}


def test_selecting_by_technique_and_level_finds_the_option(star):
    assert star.dlas.sel(technique="weight-prune", level=0.9)["compression"].values.tolist() == ["weight-prune@0.9"]


def test_selecting_by_threads_finds_the_hardware():
    wide = cube_of({stack(): measured(), THREADS: measured(0.6)})
    assert wide.dlas.sel(threads=2)["relative_latency"].values.ravel().tolist() == [0.6]


def test_selecting_several_options_keeps_the_order_of_the_cube(star):
    assert star.dlas.sel(codegen=["torch", "openvino"])["codegen"].values.tolist() == ["openvino", "torch"]


def test_an_unknown_coordinate_is_told_with_those_there_are(star):
    said = sentence(select, star, compiler="torch")
    assert said.startswith("the cube has no coordinate 'compiler'; it has dataset, model, compression, ")
    assert "technique" in said


def test_an_unknown_value_is_told_with_those_there_are(star):
    said = sentence(select, star, codegen="tvm")
    assert said == "codegen=tvm is not in the cube; it has openvino, torch"
    assert sentence(select, star, level=[0.9, 0.5]).startswith("level=0.5 is not in the cube")


def test_an_option_may_be_written_in_another_way_than_the_cube_does(star):
    assert star.dlas.sel(compression="weight-prune@0.90")["compression"].values.tolist() == ["weight-prune@0.9"]


# --- the file ---------------------------------------------------------------------------------------------------


def test_what_is_saved_is_what_is_opened(star, tmp_path):
    save(star, tmp_path / "star.nc")
    back = dlas.open_cube(tmp_path / "star.nc")
    assert [path.name for path in tmp_path.iterdir()] == ["star.nc"]
    xr.testing.assert_identical(back, star)
    assert back.dlas.frame().equals(star.dlas.frame())


def test_saving_replaces_what_was_there(star, tmp_path):
    path = tmp_path / "cube.nc"
    save(star, path)
    save(cube_of({stack(): measured()}), path)
    assert dict(open_cube(path).sizes) == dict.fromkeys(LAYERS, 1)


def test_a_cube_that_cannot_be_written_is_told_and_leaves_nothing_behind(star, tmp_path):
    path = tmp_path / "cube.nc"
    path.mkdir()
    said = sentence(save, star, path)
    assert said.startswith(f"cube {path} cannot be written (")
    assert said.endswith("; choose another --out")
    assert [left.name for left in tmp_path.iterdir()] == ["cube.nc"]


def test_a_cube_that_does_not_exist_is_told(tmp_path):
    said = sentence(open_cube, tmp_path / "none.nc")
    assert said == f"cube {tmp_path / 'none.nc'} does not exist; `dlas perturb` and `dlas run` make one"


def test_a_text_file_is_no_cube(tmp_path):
    path = tmp_path / "letter.nc"
    path.write_text("a letter to my grandmother\n" * 50)
    assert sentence(open_cube, path) == f"{path} is no cube of dlas; name the .nc file that `dlas run` wrote"


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"CDF\x01" + bytes(100)])
def test_an_empty_file_a_bare_signature_and_another_netcdf_are_no_cubes(tmp_path, content):
    path = tmp_path / "odd.nc"
    path.write_bytes(content)
    assert str(path) in sentence(open_cube, path)


def test_a_folder_is_no_cube(tmp_path):
    assert str(tmp_path) in sentence(open_cube, tmp_path)


def test_a_truncated_cube_is_no_cube(star, tmp_path):
    path = tmp_path / "star.nc"
    save(star, path)
    whole = path.read_bytes()
    for share in (0.01, 0.1, 0.5, 0.9, 0.999):
        path.write_bytes(whole[: int(share * len(whole))])
        assert sentence(open_cube, path) == f"{path} is no cube of dlas; name the .nc file that `dlas run` wrote"


def test_an_hdf5_file_of_somebody_else_is_no_cube(tmp_path):
    path = tmp_path / "other.nc"
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros((3, 4))
    assert str(path) in sentence(open_cube, path)


def test_a_netcdf_of_somebody_else_is_no_cube(tmp_path):
    path = tmp_path / "weather.nc"
    xr.Dataset({"rain": ("day", [1.0, 2.0])}).to_netcdf(path, engine="h5netcdf")
    said = sentence(open_cube, path)
    assert said == f"{path} is no cube of this version of dlas (dlas cube 1); make it again from its journal"


def test_a_cube_whose_inner_structure_is_damaged_is_told(tmp_path, monkeypatch):
    """What h5py says of some flipped bytes; of others it never stops reading, so no real file is damaged here."""

    def damaged(*_, **__):
        raise RuntimeError("Link iteration failed (incorrect metadata checksum after all read attempts)")

    monkeypatch.setattr(xr, "load_dataset", damaged)
    assert str(tmp_path / "hurt.nc") in sentence(open_cube, tmp_path / "hurt.nc")


# --- large cubes ------------------------------------------------------------------------------------------------


def test_texts_are_numbers_in_the_file_and_texts_again_when_it_is_opened(star, tmp_path):
    save(star, tmp_path / "star.nc")
    with h5py.File(tmp_path / "star.nc") as file:
        assert file["status"].dtype == np.uint8
        assert set(file["status_texts"].asstr()[:]) == {"ok", "unplanned"}
    back = open_cube(tmp_path / "star.nc")
    assert set(back.variables) == set(star.variables)
    for name in TEXTS:
        assert back[name].values.tolist() == star[name].values.tolist()


def test_a_cube_whose_texts_lie_in_place_is_read_too(star, tmp_path):
    star.to_netcdf(tmp_path / "older.nc", engine="h5netcdf")
    back = open_cube(tmp_path / "older.nc")
    assert back["status"].values.tolist() == star["status"].values.tolist()


def test_a_large_cube_is_read_as_it_is_used_and_may_be_replaced_meanwhile(star, tmp_path, monkeypatch):
    monkeypatch.setattr(cubes, "LAZY", 1)
    save(star, tmp_path / "star.nc")
    back = open_cube(tmp_path / "star.nc")
    assert not back["latency"].variable._in_memory
    save(cube_of({stack(): measured(latency=5.0)}), tmp_path / "star.nc")
    part = select(back, codegen="torch")
    np.testing.assert_array_equal(part["latency"].values, select(star, codegen="torch")["latency"].values)
