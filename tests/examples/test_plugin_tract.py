"""The worked example of a plug-in: found by its entry point, proven and measured like any other code generator."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "dlas-tract"
STUDY = """
import json, sys
from dlas import Stack, perturb
cube = perturb(Stack(model="resnet8@weights=random", codegen="onnxruntime"), codegen=["tract"], out="tract.nc",
               margin="60%", budget="200ms")
cell = cube.dlas.frame().set_index("codegen").loc["tract"]
print(json.dumps([cell["status"], cell["compute_precision"], cell["primitive_share"], cell["runtime"], cell["reason"]]))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder into which pip has installed the example, without a network."""
    folder = tmp_path_factory.mktemp("tract")
    source = shutil.copytree(EXAMPLE, folder / "source")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--target", folder / "site"]
    subprocess.run([*pip, *offline, source], check=True)
    return folder / "site"


def python(site, folder, *arguments):
    paths = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": paths, "DLAS_STORE": str(folder / "store")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def test_its_entry_point_makes_it_an_option(site, tmp_path):
    done = python(site, tmp_path, "-m", "dlas", "layers", "codegen")
    assert "tract, its default optimisations, one thread." in done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("tract") is None, reason="needs the package tract")
def test_it_is_proven_and_measured_beside_another_runtime(site, tmp_path):
    pytest.importorskip("torch")
    done = python(site, tmp_path, "-c", STUDY)
    assert done.returncode == 0, done.stderr
    import json

    status, precision, share, runtime, reason = json.loads(done.stdout.splitlines()[-1])
    assert status in ("ok", "unstable"), reason
    assert (precision, share) == ("float32", 1.0)
    assert runtime.startswith("tract ")
