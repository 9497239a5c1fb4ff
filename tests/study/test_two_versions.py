"""Two versions of one runtime beside each other in the same rounds: another Python for one of the cells."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

import onnxruntime

from dlas import api, realise
from dlas.host import Host
from dlas.realise import realisation
from dlas.stack import Stack

OLDER = "1.23.2"
HOST = Host("A CPU", "x86_64", ("avx2", "fma"), (), 2, None, 2**34)
OLD = Stack(codegen="onnxruntime@python=old")


def python_with(folder):
    """A Python that has nothing of its own but what its site-packages are given."""
    venv.create(folder, with_pip=False, symlinks=True)
    site = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    return folder / "bin" / "python", site


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    """A Python with an older ONNX Runtime; everything else is this one's."""
    python, site = python_with(tmp_path_factory.mktemp("older"))
    wanted = ["--no-deps", "--only-binary", ":all:", "--target", site, f"onnxruntime=={OLDER}"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    if subprocess.run(pip, capture_output=True, check=False, timeout=300).returncode:
        pytest.skip(f"onnxruntime {OLDER} cannot be installed here")
    return python


def test_versions_found_there_are_in_the_key_and_the_step_runs_there(tmp_path, forget):
    python, site = python_with(tmp_path / "venv")
    info = site / f"onnxruntime-{OLDER}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: onnxruntime\nVersion: {OLDER}\n")
    places = (("old", python),)
    assert realise.obstacle(OLD, HOST, places) is None
    step, own = (realisation(stack, places, HOST).executable for stack in (OLD, Stack(codegen="onnxruntime")))
    assert step.ingredients["packages"]["onnxruntime"] == OLDER
    assert step.ingredients["packages"]["onnx"] == own.ingredients["packages"]["onnx"]
    assert (step.python, own.python) == (str(python), "")
    assert step.key != own.key


@pytest.mark.slow
@pytest.mark.skipif(onnxruntime.__version__ == OLDER, reason="needs another version than the older one")
def test_release_against_older_release_is_one_command(older, tmp_path, monkeypatch):
    monkeypatch.setenv("DLAS_STORE", str(tmp_path / "store"))
    cube = api.perturb(
        Stack(model="resnet8@weights=random", codegen="onnxruntime"),
        codegen=["onnxruntime@python=old"],
        data={"old": Path(older)},
        out=tmp_path / "versions.nc",
        margin="60%",
        budget="200ms",
    )
    cells = {cell["codegen"]: cell for cell in cube.dlas.frame().to_dict("records")}
    assert {cell["status"] for cell in cells.values()} <= {"ok", "unstable"}, cells
    assert f"onnxruntime {OLDER}" in cells["onnxruntime@python=old"]["runtime"]
    assert f"onnxruntime {onnxruntime.__version__}" in cells["onnxruntime"]["runtime"]
    assert cells["onnxruntime@python=old"]["verdict"]
