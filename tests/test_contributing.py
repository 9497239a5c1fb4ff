"""The worked example of CONTRIBUTING.md, executed in a copy of dlas."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dlas

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_option_of_the_worked_example_is_listed_and_measured(tmp_path):
    page = (ROOT / "CONTRIBUTING.md").read_text()
    module = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    shutil.copytree(ROOT / "dlas", tmp_path / "dlas", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "dlas/layers/compression/weight_round.py").write_text(module)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "DLAS_STORE": str(tmp_path / "store")}

    def run(*arguments):
        command = [sys.executable, "-m", "dlas", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout

    assert "weight-round" in run("layers", "compression")
    vary = "compression=weight-round@2:6:4"
    run("perturb", "--layer", vary, "--set", "model=resnet8@weights=random", "--budget", "300ms", "--margin", "20%")
    cube = dlas.open_cube(tmp_path / "cube.nc").squeeze()
    assert set(cube["status"].values.tolist()) <= {"ok", "unstable"}
    assert cube["compression"].values.tolist() == ["none", "weight-round@2", "weight-round@6"]
    assert cube["accuracy"].isnull().all(), "an untrained network has no accuracy"
