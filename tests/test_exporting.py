"""An exported stack runs where dlas is not, and gives the predictions that the study saw."""

import json
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest
from handmade import cube_of, measured, stack

from dlas import Stack, api, data, host
from dlas.cube import save, study_of
from dlas.errors import DlasError
from dlas.study import exporting
from dlas.study.journal import Journal
from dlas.study.plan import journal_path
from dlas.study.stored import stored

CODEGENS = ("openvino", "onnxruntime", "torch")
# What `python -I run.py` is, with an import of dlas that fails: an installed dlas is no help either.
WITHOUT_DLAS = """
import runpy, sys
sys.modules["dlas"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    """Code generators under an untrained network with batches of three: its predictions are as good as any."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("exporting")
        patch.setenv("DLAS_STORE", str(folder / "store"))
        out = folder / "cube.nc"
        baseline = Stack(model="resnet8@weights=random", hardware="cpu@batch=3")
        api.perturb(baseline, out=out, budget="0.05s", codegen=CODEGENS)
        yield out


def subject(cube, **changes):
    study = study_of(api.open_cube(cube), {})
    return stored(study.baseline.perturb(**changes), study, api.store(), host.probe())


def scored(cube, chosen):
    """What the journal holds of a cell's predictions: images of the test set, and their classes."""
    with closing(Journal(journal_path(cube))) as journal:
        records = [row.record for row in journal.cells(host.probe().fingerprint).values() if row.record]
    (score,) = [
        record["score"]
        for record in records
        if record["size"] == chosen.executable.size and record["build_time"] == chosen.executable.seconds
    ]
    return score


@pytest.mark.slow
@pytest.mark.parametrize("codegen", CODEGENS)
def test_the_predictions_of_the_cell_are_found_again_without_dlas(cube, tmp_path, codegen):
    chosen = subject(cube, codegen=codegen)
    out = tmp_path / "deployed"
    exporting.export(chosen, ["Fast enough."], out)
    score = scored(cube, chosen)
    images = np.array(score["images"][:100])
    np.save(tmp_path / "images.npy", data.stored(chosen.data, "test", images)[0])
    argv = [sys.executable, "-I", "-c", WITHOUT_DLAS, out / "run.py", tmp_path / "images.npy"]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=tmp_path, env={}, check=False)
    assert done.returncode == 0, done.stderr
    assert [int(line) for line in done.stdout.split()] == score["predicted"][:100]


@pytest.mark.slow
def test_the_folder_holds_what_somebody_else_needs(cube, tmp_path):
    out = tmp_path / "deployed"
    files = exporting.export(subject(cube), ["Fast enough.", "Perhaps torch is as fast."], out)
    assert [file.name for file in files] == [
        *("README.md", "labels.txt", "model.bin", "model.xml", "preprocessing.json", "requirements.txt", "run.py"),
        "settings.json",
    ]
    assert (out / "labels.txt").read_text().split() == [str(number) for number in range(10)]
    assert "- Perhaps torch is as fast." in (out / "README.md").read_text()
    assert all("==" in line for line in (out / "requirements.txt").read_text().split())
    assert json.loads((out / "preprocessing.json").read_text())["shape"] == [1, 8, 8]
    assert len((out / "run.py").read_text().splitlines()) < 45
    with pytest.raises(DlasError, match="is there already and not an empty folder; name another with -o"):
        exporting.export(subject(cube), [], out)


def test_a_loss_without_a_unit_that_would_be_a_whole_is_refused(tmp_path):
    save(cube_of({stack(): measured()}), tmp_path / "cube.nc")
    with pytest.raises(DlasError, match="max_drop '1' is no loss of accuracy; write for example 1pp"):
        api.export(tmp_path / "cube.nc", tmp_path / "deployed", "1")


@pytest.mark.slow
def test_a_cell_that_nobody_measured_accurately_enough_is_not_exported(cube, tmp_path):
    with pytest.raises(DlasError, match="no cell has a figure for accuracy_change"):
        api.export(cube, tmp_path / "deployed")
