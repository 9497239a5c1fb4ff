"""The charts: units on axes, intervals drawn, the right cells, a sentence where there is nothing to draw."""

import json
from dataclasses import asdict, replace

import pytest
from handmade import HOST, cube_of, interval, measured, stack
from large import thousand

from dlas.cube import open_cube
from dlas.errors import CubeError
from dlas.merge import merge
from dlas.plot.cells import cells, time_unit
from dlas.plot.encodings import shaped
from dlas.report.charts import figures

INT8, TORCH = stack(compression="int8"), stack(codegen="torch")
BOTH = stack(compression="int8", codegen="torch")
ALL = ("bars", "pareto", "heatmap", "interaction", "level", "expected", "noise")


@pytest.fixture(scope="module")
def demo(pytestconfig):
    return open_cube(pytestconfig.rootpath / "artifacts/reference/demo.nc")


@pytest.fixture
def flipped():
    """int8 is best with openvino, none with torch."""
    ratios = {stack(): 1.0, INT8: 0.7, TORCH: 1.2, BOTH: 1.6}
    return cube_of({one: measured(ratio, 1.0 if ratio == 1 else 1.02) for one, ratio in ratios.items()})


def titles(part):
    """Every title of an axis or a legend in a specification."""
    if isinstance(part, dict):
        own = [part["title"]] if isinstance(part.get("title"), str) and "type" in part else []
        return own + [title for inner in part.values() for title in titles(inner)]
    return [title for inner in part for title in titles(inner)] if isinstance(part, list) else []


@pytest.mark.parametrize(("name", "kind"), [*((name, "svg") for name in ALL), ("pareto", "pdf"), ("pareto", "png")])
def test_every_chart_can_be_saved(demo, tmp_path, name, kind):
    getattr(demo.dlas.plot, name)().save(tmp_path / f"chart.{kind}")
    assert (tmp_path / f"chart.{kind}").stat().st_size > 5_000


@pytest.mark.parametrize("name", ALL)
def test_every_chart_draws_intervals_and_says_what_it_shows(demo, name):
    spec = getattr(demo.dlas.plot, name)().to_dict()
    text = json.dumps(spec["layer"])
    assert "_low" in text
    assert "_high" in text
    assert len(spec["description"]) > 30
    assert spec["title"].startswith("demo: ")


def test_axes_carry_units(demo):
    assert "latency (µs)" in titles(demo.dlas.plot.bars().to_dict())
    assert {"latency (µs)", "accuracy (%)"} <= set(titles(demo.dlas.plot.pareto().to_dict()))
    assert "level of the technique (%)" in titles(demo.dlas.plot.level().to_dict())


def test_an_option_has_the_same_colour_whatever_is_drawn(demo):
    plot = demo.dlas.plot
    for chart in (plot.pareto("codegen"), plot.level("codegen"), plot.noise("codegen"), plot.interaction(b="codegen")):
        assert '"domain": ["openvino", "onnxruntime"]' in json.dumps(chart.to_dict())


def test_shapes_tell_apart_what_shares_a_colour_else_another_layer():
    levels = [f"weight-prune@0.{tenth}" for tenth in range(1, 8)]
    cells = [stack(compression=level, codegen=codegen) for level in levels for codegen in ("openvino", "torch")]
    cube = cube_of({cell: measured(1.0) for cell in (stack(), *cells)})
    assert shaped(cube, "compression") == "compression"
    assert shaped(cube, "codegen") == "codegen", "compression has more options than there are shapes"
    assert shaped(cube.isel(compression=slice(3)), "compression") == "codegen"


def test_the_unit_of_time_suits_the_cube(demo, flipped):
    assert time_unit(demo) == (1e-6, "µs")
    assert time_unit(flipped) == (1e-3, "ms")


def test_the_cells_have_the_figures_in_the_units_that_are_shown(flipped):
    table = cells(flipped).set_index("cell")
    assert table.loc["compression=int8", "latency"] == pytest.approx(1.0)
    assert table.loc["compression=int8", "accuracy"] == pytest.approx(98.0)
    assert table.loc["compression=int8", "speedup"] == pytest.approx(1 / 0.7)
    assert table.loc["compression=int8", "speedup_low"] == pytest.approx(1 / 0.7 / 1.02)
    assert table.loc["compression=int8", "half"] == pytest.approx(100 * (1.02 - 1 / 1.02) / 2)
    assert table.loc["baseline", "half"] == 0


def test_the_promise_of_multiply_adds_is_that_of_the_whole_batch():
    batch = stack(hardware="cpu@batch=8")
    cube = cube_of({stack(): measured(macs=1e6), batch: measured(8.0, 1.02, 8e-3, macs=1e6)})
    assert cells(cube)["macs_ratio"].tolist() == [1, 1 / 8]


def test_of_many_cells_the_best_bars_are_kept():
    cube = thousand(compressions=("none", "int8"), hardware=("cpu", "cpu@batch=2"))
    spec = cube.dlas.plot.bars("speedup", most=3).to_dict()
    assert spec["description"].endswith("of the best 3 of 8 cells.")
    assert "datum.place <= 3" in json.dumps(spec)


def test_a_flip_shows_the_two_options_that_change_places(flipped):
    spec = flipped.dlas.plot.flips("compression", "codegen").to_dict()
    assert "int8 is best with openvino, none with torch." in spec["description"]
    assert '"oneOf": ["int8", "none"]' in json.dumps(spec)


def test_a_flip_between_hosts_shows_latencies_since_ratios_are_each_hosts_own():
    one = cube_of({stack(): measured(), INT8: measured(0.5, 1.02, 0.5e-3)})
    other = cube_of({stack(): measured(1.0, 1.0, 0.8e-3), INT8: measured(0.875, 1.02, 0.7e-3)})
    other = other.assign_coords(host=("hardware", ["Big CPU"]))
    other.attrs["hosts"] = json.dumps({"": asdict(replace(HOST, cpu="Big CPU"))})
    merged = merge({"one": [one], "two": [other]})
    spec = merged.dlas.plot.flips("hardware", "compression").to_dict()
    assert "cpu@at=two is best with none, cpu@at=one with int8." in spec["description"]
    assert "latency (µs)" in titles(spec)
    assert '"ratio' not in json.dumps(spec["layer"])


def test_where_nothing_flips_a_sentence_says_so(demo):
    with pytest.raises(CubeError, match="no change of the best codegen with compression by latency can be drawn"):
        demo.dlas.plot.flips("codegen", "compression")


def test_the_roof_is_the_lesser_of_peak_and_bandwidth(demo):
    spec = demo.dlas.plot.roofline(demo.dlas.roofline(60.0, 10.0)).to_dict()
    roof = next(rows for rows in spec["datasets"].values() if len(rows) == 3)
    assert all(row["speed"] == pytest.approx(min(60.0, 10.0 * row["intensity"])) for row in roof)
    assert spec["description"].endswith("the roof is 60 GFLOP/s and 10 GB/s.")


def test_the_time_of_tuned_kernels_falls_in_stairs():
    tuned = stack(codegen="tvm@schedule=tuned")
    curve = {"tune_curve": json.dumps([[0, 1.0], [3, 0.9], [7, 0.75]]), "tune_trials": 32}
    cube = cube_of({stack(): measured(), tuned: measured(0.8, **curve)})
    spec = cube.dlas.plot.tuning().to_dict()
    (rows,) = spec["datasets"].values()
    assert [(row["trials"], row["share"]) for row in rows] == [(0, 100), (3, 90), (7, 75), (32, 75)]
    assert [figure.name for figure in figures(cube)][-1] == "tuning"


def test_without_tuned_cells_there_is_no_stair(demo):
    with pytest.raises(CubeError, match="no cell of the cube was tuned; add codegen=tvm@schedule=tuned"):
        demo.dlas.plot.tuning()


def test_a_report_shows_the_roof_where_the_cube_knows_its_peaks(demo):
    def shown(peaks):
        return "roofline" in [figure.name for figure in figures(demo.assign_attrs(peaks=json.dumps(peaks)))]

    assert shown({"": {"gflops": 60.0, "bandwidth": 10.0, "array": 1, "blas": ""}})
    assert not shown({})


def test_what_cannot_be_drawn_is_told_with_what_can(flipped, demo):
    plot = flipped.dlas.plot
    with pytest.raises(CubeError, match="bars of 'colour' are not offered; choose one of latency, "):
        plot.bars("colour")
    with pytest.raises(CubeError, match="'compiler' is no layer; choose one of dataset, "):
        plot.pareto("compiler")
    with pytest.raises(CubeError, match="needs a technique at two levels"):
        plot.level()
    with pytest.raises(CubeError, match="a heat map of 'size' is not offered"):
        demo.dlas.plot.heatmap(variable="size")


def test_a_cube_without_figures_is_told():
    empty = cube_of({stack(): {"status": "missing"}, INT8: {"status": "missing"}})
    with pytest.raises(CubeError, match="no cell of the cube has been measured"):
        empty.dlas.plot.bars()


def test_a_report_takes_the_charts_that_say_something(flipped):
    assert [figure.name for figure in figures(flipped)] == [
        "pareto",
        "bars",
        "heatmap",
        "interaction",
        "flips",
        "noise",
    ]


@pytest.mark.parametrize("status", ["failed", "unstable"])
def test_cells_that_did_not_end_well_are_not_drawn_whatever_figures_they_have(status):
    cube = cube_of({stack(): measured(), INT8: measured(0.1, status=status), TORCH: measured(1.2)})
    assert list(cells(cube)["cell"]) == ["baseline", "codegen=torch"]
    for chart in (cube.dlas.plot.bars(), cube.dlas.plot.pareto(), cube.dlas.plot.heatmap()):
        assert "int8" not in [row.get("compression") for rows in chart.to_dict()["datasets"].values() for row in rows]


def test_the_line_of_the_front_joins_the_cells_that_are_on_it_by_the_analysis():
    # By latencies alone int8 would be quicker than the baseline; paired with it it is slower.
    values = {
        stack(): measured(**interval("accuracy_change", 0.0, 0.0, 0.0)),
        INT8: measured(1.1, 1.01, 0.9e-3, **interval("accuracy_change", -0.01, -0.011, -0.009)),
        TORCH: measured(0.5, 1.01, 0.5e-3, **interval("accuracy_change", -0.05, -0.051, -0.049)),
    }
    spec = cube_of(values).dlas.plot.pareto().to_dict()
    (line,) = [layer for layer in spec["layer"] if layer["mark"]["type"] == "line"]
    lookup = next(step["from"]["data"]["name"] for step in line["transform"] if "lookup" in step)
    on_front = {row["cell"]: row["on_front"] for row in spec["datasets"][lookup]}
    assert {cell for cell, on in on_front.items() if on} == {"baseline", "codegen=torch"}
    assert line["transform"][-1] == {"filter": "datum.on_front === true"}


def test_the_change_of_accuracy_has_a_map_of_its_own():
    values = {stack(): measured(), INT8: measured(0.7, 1.02, **interval("accuracy_change", -0.02, -0.03, -0.01))}
    spec = cube_of(values).dlas.plot.heatmap("compression", "codegen", "accuracy_change").to_dict()
    assert spec["title"].endswith("accuracy minus the baseline's (pp)")
