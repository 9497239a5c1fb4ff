"""The roofline: intensities and shares as planted, only where the peaks are of the same kind."""

import json
from contextlib import nullcontext
from dataclasses import asdict, replace

import numpy as np
import pytest
from golden import effect, golden
from handmade import HOST, cube_of, measured, stack

from dlas.analysis import roofline as module
from dlas.analysis.roofline import measured_peak, roofline, sentences
from dlas.errors import CubeError
from dlas.measure.peak import Peak
from dlas.merge import merge
from dlas.option import LAYERS


def planted(precisions=("float32", "float32", "int8"), threads=1):
    """Three code generators: 1 ms each; 1, 100 and 100 operations a byte."""
    cube = golden(effect("codegen", 0, 0, 0), macs=5e6, weights_size=effect("codegen", 1e7, 1e5, 1e5))
    for end in ("", "_low", "_high"):
        cube[f"latency{end}"] = cube["latency"] * 0 + {"": 1e-3, "_low": 0.5e-3, "_high": 2e-3}[end]
    cube["compute_precision"] = (LAYERS, np.array(precisions, object).reshape(cube["macs"].shape))
    return cube.assign_coords(threads=("hardware", [threads]))


def test_intensity_speed_roof_and_share_are_as_planted():
    found = roofline(planted(), gflops=50, bandwidth=20)
    assert found["intensity"].tolist() == [1, 100, 100]
    assert found["speed"].tolist() == pytest.approx([10, 10, 10])
    assert found["speed_low"].tolist() == pytest.approx([5, 5, 5])
    np.testing.assert_allclose(found["roof"], [20, 50, np.nan])
    assert found["bound"].tolist() == ["memory", "arithmetic", ""]
    np.testing.assert_allclose(found["share"], [0.5, 0.2, np.nan])
    np.testing.assert_allclose(found["share_high"], [1.0, 0.4, np.nan])


def test_a_batch_multiplies_the_operations_and_threads_leave_the_roof_unknown():
    cube = planted(threads=2).assign_coords(batch=("hardware", [8]))
    found = roofline(cube, 50, 20)
    assert found["operations"].tolist() == [8e7] * 3
    assert found["roof"].isna().all()
    assert sentences(found) == ["No cell can be placed under the roof: none computes float32 on one thread."]


def test_cells_that_failed_have_no_row():
    cube = planted()
    cube["status"][..., 1, 0] = "failed"
    assert roofline(cube, 50, 20)["cell"].tolist() == ["baseline", "codegen=c2"]


def test_the_words_say_that_activations_are_not_counted():
    assert sentences(roofline(planted(), 50, 20)) == [
        "Against 50 GFLOP/s and 20 GB/s (one thread, float32), nearest to the roof: baseline at 10 GFLOP/s, "
        "50 [25, 100] % of what memory allows, codegen=c1 at 10 GFLOP/s, 20 [10, 40] % of what arithmetic allows; "
        "farthest below: codegen=c1 at 10 GFLOP/s, 20 [10, 40] % of what arithmetic allows, baseline at 10 GFLOP/s, "
        "50 [25, 100] % of what memory allows.",
        "Bytes are those of the weights only, as a cube knows no others: intensities and roofs are upper bounds.",
    ]


def test_peaks_that_are_none_are_told():
    with pytest.raises(CubeError, match="a roofline needs both peaks above 0: gflops and bandwidth"):
        roofline(planted(), 0, 20)


def test_the_peaks_of_another_host_are_never_measured_here():
    cube = planted().assign_attrs(host=json.dumps(asdict(HOST)))
    with pytest.raises(CubeError) as problem:
        measured_peak(cube)
    assert str(problem.value) == (
        "the cube was measured on another host (Toy CPU); run `dlas doctor` there and give its GFLOP/s and GB/s"
    )


def test_peaks_that_the_cube_holds_are_taken():
    peaks = {"": {"gflops": 40.0, "bandwidth": 8.0, "array": 1, "blas": ""}, "lab": {"gflops": 1.0}}
    assert planted().assign_attrs(peaks=json.dumps(peaks)).dlas.roofline().attrs == {"gflops": 40, "bandwidth": 8}


def test_the_peaks_of_a_merged_cube_are_those_of_the_host_that_is_looked_at():
    cube = cube_of({stack(): measured(macs=1e6, weights_size=1e5, compute_precision="float32")})
    other = cube.assign_attrs(hosts=json.dumps({"": asdict(replace(HOST, cpu="Big CPU"))}))
    for one, gflops in ((cube, 40.0), (other, 400.0)):
        one.attrs["peaks"] = json.dumps({"": {"gflops": gflops, "bandwidth": 8.0, "array": 1, "blas": ""}})
    merged = merge({"small": [cube], "big": [other]})
    for name, gflops in (("small", 40), ("big", 400)):
        assert merged.dlas.sel(at=name).dlas.roofline().attrs["gflops"] == gflops
    with pytest.raises(CubeError) as problem:
        merged.dlas.roofline()
    assert str(problem.value) == (
        "the cube is of several hosts (small, big), each with a roof of its own; take the cube of one, or "
        "cube.dlas.sel(at=NAME)"
    )


def test_on_the_cubes_own_host_the_peaks_are_measured(monkeypatch):
    here = module.host.probe()
    cube = planted().assign_attrs(host=json.dumps(asdict(here)))
    monkeypatch.setattr(module, "measuring_lock", nullcontext)  # others may measure meanwhile
    monkeypatch.setattr(module.peak, "measure", lambda *_: Peak(50.0, 20.0, 2**20, "a blas"))
    assert cube.dlas.roofline().attrs == {"gflops": 50.0, "bandwidth": 20.0}
    assert cube.dlas.roofline(gflops=80, bandwidth=10).attrs == {"gflops": 80, "bandwidth": 10}
