"""A site with the toy stack in it, and a way to run studies of toys as a user would."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dlas.study.journal import Journal

BASELINE = """
[baseline]
dataset = "toydata"
model = "toynet"
codegen = "toygen"
"""


@pytest.fixture
def journal(tmp_path):
    """An empty journal."""
    opened = Journal(tmp_path / "a.journal")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def toy_stack_site(tmp_path_factory):
    """A folder into which pip has installed `tests/toy_stack`."""
    folder = tmp_path_factory.mktemp("toy-stack")
    source = shutil.copytree(Path(__file__).parents[1] / "toy_stack", folder / "source")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--target", folder / "site"]
    subprocess.run([*pip, *offline, source], check=True)
    return folder / "site"


class Bench:
    """A folder with a study of toys in it."""

    def __init__(self, folder, site):
        self.folder = folder
        self.log = folder / "log"
        self.cube = folder / "toys.nc"
        self.journal = folder / "toys.journal"
        paths = [str(site), os.environ.get("PYTHONPATH", "")]
        self.env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "DLAS_STORE": str(folder / "store"),
            "TOY_LOG": str(self.log),
        }

    def write(self, parts, measure='margin = "60%"\nbudget = "60ms"\nprocesses = 1\ntimeout = "20s"'):
        """Write the study; the baseline is the toy stack."""
        (self.folder / "toys.toml").write_text(f"{BASELINE}\n{parts}\n[measure]\n{measure}\n")

    def start(self, *arguments):
        """Start `dlas run` and give its process back."""
        command = [sys.executable, "-m", "dlas", "run", "toys.toml", "--out", self.cube, *arguments]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *arguments, timeout=300):
        """Run the study to its end; what it printed."""
        process = self.start(*arguments)
        said, _ = process.communicate(timeout=timeout)
        assert process.returncode == 0, said
        return said

    def done(self):
        """Steps that were really done, in order."""
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def bench(tmp_path, toy_stack_site):
    """An empty folder for a study of toys."""
    return Bench(tmp_path, toy_stack_site)
