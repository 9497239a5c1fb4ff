"""The main job on real data: digits, trained networks, every codegen and compression, as a user runs it."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import dlas
from dlas import data, host, network, realise
from dlas.artifacts import Store
from dlas.stack import Stack

COMPRESSIONS = ["none", "weight-prune@0.9", "channel-prune@0.5", "int8", "channel-prune@0.5+int8"]
CODEGENS = ["openvino", "onnxruntime", "torch"]

# Kills the process that opens an internet socket, in C as in Python: seccomp on socket(AF_INET | AF_INET6, …).
NO_SOCKETS = """
import ctypes, os, struct, sys
def instruction(code, yes, no, k): return struct.pack("HBBI", code, yes, no, k)
program = b"".join([
    instruction(0x20, 0, 0, 0),           # load the number of the system call
    instruction(0x15, 0, 4, 41),          # socket?
    instruction(0x20, 0, 0, 16),          # load its domain
    instruction(0x15, 1, 0, 2),           # AF_INET
    instruction(0x15, 0, 1, 10),          # AF_INET6
    instruction(0x06, 0, 0, 0x80000000),  # kill the process
    instruction(0x06, 0, 0, 0x7FFF0000),  # allow
])
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_char_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Filter(7, program)), 0, 0) == 0
if sys.argv[1] == "probe":
    import socket
    socket.socket()
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("main-job")


@pytest.fixture(scope="module")
def environment(folder):
    return {**os.environ, "DLAS_STORE": str(folder / "store")}


@pytest.fixture(scope="module")
def cube(folder, environment):
    """All compressions by all code generators, run without a way to open an internet socket."""
    layers = [f"--layer=compression={' '.join(COMPRESSIONS)}", f"--layer=codegen={' '.join(CODEGENS)}"]
    arguments = ["-m", "dlas", "perturb", *layers, "--budget", "1s", "--margin", "5%"]
    command = [sys.executable, "-c", NO_SOCKETS, *arguments]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return dlas.open_cube(folder / "cube.nc")


def cell(cube, **chosen):
    chosen = {"compression": "none", "codegen": "openvino", **chosen}
    return cube.sel(chosen).squeeze()


def test_the_guard_against_sockets_bites():
    ended = subprocess.run([sys.executable, "-c", NO_SOCKETS, "probe"], capture_output=True)
    assert ended.returncode < 0


def test_every_cell_has_a_status_and_only_torch_without_a_module_is_inapplicable(cube):
    table = cube.dlas.frame()
    inapplicable = table[table["status"] == "inapplicable"]
    assert set(table["status"]) - {"unstable"} == {"ok", "inapplicable"}  # a busy machine may spoil a ratio
    assert {(row.compression, row.codegen) for row in inapplicable.itertuples()} == {
        ("int8", "torch"),
        ("channel-prune@0.5+int8", "torch"),
    }
    assert all("needs a torch module" in reason for reason in inapplicable["reason"])


def test_trained_networks_classify_the_digits_with_intervals(cube):
    ok = cube.dlas.frame().query("status == 'ok'")
    assert (ok["accuracy"] > 0.95).all()
    assert (ok["accuracy_low"] < ok["accuracy"]).all()
    assert (ok["accuracy"] < ok["accuracy_high"]).all()
    assert (ok["latency_low"] < ok["latency"]).all()
    assert (ok["latency"] < ok["latency_high"]).all()


def test_every_executable_computes_what_its_label_says(cube):
    ok = cube.dlas.frame().query("status == 'ok'")
    int8 = ok["compression"].str.contains("int8")
    assert set(ok[~int8]["compute_precision"]) == {"float32"}
    assert all("int8" in precision for precision in ok[int8]["compute_precision"])
    assert (ok[~int8]["max_abs_error"] < 1e-3).all()
    assert (ok["agreement"] >= 0.95).all()
    assert (ok[int8]["quantised_agreement"] >= 0.95).all()
    assert ok[~int8]["quantised_agreement"].isna().all()


def test_compression_does_to_the_network_what_it_says(cube):
    plain, pruned = cell(cube), cell(cube, compression="weight-prune@0.9")
    slim, small = cell(cube, compression="channel-prune@0.5"), cell(cube, compression="int8")
    assert float(pruned["parameters"]) == float(plain["parameters"])
    assert float(pruned["nonzeros"]) / float(plain["parameters"]) == pytest.approx(0.1, abs=0.01)
    assert float(slim["macs"]) < 0.4 * float(plain["macs"])
    assert float(small["weights_size"]) < 0.3 * float(plain["weights_size"])


def test_a_disappointed_expectation_is_explained_by_the_evidence(cube):
    assert str(cell(cube, compression="weight-prune@0.9")["remark"].values) == (
        "all 9 convolutions ran dense: zeros bring no speed"
    )


def test_the_cube_names_its_host_versions_and_parsed_levels(cube):
    assert json.loads(cube.attrs["host"])["cpu"] == host.probe().cpu
    assert json.loads(cube.attrs["environment"])["packages"]["openvino"]
    levels = cube.dlas.sel(technique="weight-prune", level=0.9)
    assert levels["compression"].values.tolist() == ["weight-prune@0.9"]
    assert list(cube["latency"].dims) == ["dataset", "model", "compression", "primitive", "codegen", "hardware"]


def test_speed_up_over_another_option_of_a_layer_is_one_for_itself(cube):
    found = cube.dlas.speedup(over="codegen=torch")
    own = found.sel(codegen="torch", compression="none").squeeze()
    assert float(own["speedup"]) == float(own["speedup_low"]) == float(own["speedup_high"]) == 1
    other = found.sel(codegen="openvino", compression="none").squeeze()
    assert float(other["speedup_low"]) < float(other["speedup"]) < float(other["speedup_high"])


def test_run_again_it_measures_nothing(cube, folder, environment):
    before = (folder / "cube.journal").stat().st_mtime_ns
    layers = [f"--layer=compression={' '.join(COMPRESSIONS)}", f"--layer=codegen={' '.join(CODEGENS)}"]
    command = [sys.executable, "-m", "dlas", "perturb", *layers, "--budget", "1s", "--margin", "5%"]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0
    assert "building" not in ended.stderr
    assert "measuring" not in ended.stderr
    assert (folder / "cube.journal").stat().st_mtime_ns == before


@pytest.mark.parametrize("compression", ["none", "weight-prune@0.9", "channel-prune@0.5"])
def test_the_rebuilt_module_and_the_onnx_agree(cube, folder, compression):
    import torch

    store = Store(Path(folder) / "store")
    steps = realise.realisation(Stack(compression=compression), (), host.probe())
    made = store.get(steps.networks[-1].key)
    images, _ = data.load(store.get(steps.data.key), "test")
    with torch.inference_mode():
        logits = network.rebuild(made)(torch.from_numpy(images[:32])).numpy()
    expected = network.run(made.file(network.ONNX), images[:32])
    assert np.abs(logits - expected).max() / np.abs(expected).max() < 1e-4


@pytest.mark.parametrize("codegen", CODEGENS)
def test_every_codegen_agrees_with_the_reference_at_batch_two(cube, folder, environment, codegen):
    command = [sys.executable, "-m", "dlas", "perturb", "--layer", "hardware=cpu@batch=2", "--set"]
    out = folder / f"{codegen}.nc"
    arguments = [f"codegen={codegen}", "--budget", "300ms", "--margin", "20%", "--out", out, "--quiet"]
    subprocess.run([*command, *arguments], cwd=folder, env=environment, check=True, capture_output=True)
    two = dlas.open_cube(out).sel(hardware="cpu@batch=2").squeeze()
    assert str(two["status"].values) in ("ok", "unstable")
    assert float(two["agreement"]) == 1


def test_pictures_of_a_cube_can_be_saved(cube, tmp_path):
    for variable in ("latency", "accuracy", "weights_size"):
        cube.dlas.plot.bars(variable).save(tmp_path / f"{variable}.svg")
        assert "<svg" in (tmp_path / f"{variable}.svg").read_text()


README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_lines_of_python_in_the_readme_run(cube, folder, environment):
    (lines,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    ended = subprocess.run([sys.executable, "-c", lines], cwd=folder, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "all 9 convolutions ran dense: zeros bring no speed" in ended.stdout
    assert (folder / "latency.html").exists()


def test_the_study_in_the_readme_can_be_planned(cube, folder, environment):
    (study,) = re.findall(r"    \[baseline\].*?\n\n(?=\S)", README, re.DOTALL)
    (folder / "study.toml").write_text(textwrap.dedent(study))
    command = [sys.executable, "-m", "dlas", "plan", "study.toml"]
    said = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.startswith("study: 15 cells, 1 of them inapplicable")
