"""Another Python: what it has comes first, what it lacks is taken from here."""

import subprocess
import sys
import venv

import pytest

from dlas import interpreter
from dlas.errors import DataError


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A Python with nothing in it but a package `psutil` of its own."""
    folder = tmp_path_factory.mktemp("other")
    venv.create(folder, with_pip=False, symlinks=True)
    site = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (site / "psutil.py").write_text("OWN = True\n")
    (site / "psutil-0.1.dist-info").mkdir()
    (site / "psutil-0.1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: psutil\nVersion: 0.1\n")
    return str(folder / "bin" / "python")


def test_versions_are_those_that_the_other_python_finds(other):
    import numpy

    found = interpreter.versions(other, ("psutil", "numpy", "nobody-has-this"))
    assert found == {
        "psutil": "0.1",
        "numpy": numpy.__version__,
        "nobody-has-this": None,
        "python": sys.version.split()[0],
    }


def test_a_module_of_dlas_runs_there_with_the_others_packages(other, tmp_path):
    (tmp_path / "asked.py").write_text("import sys, psutil, dlas, numpy\nprint(psutil.OWN, sys.argv[1:], __name__)\n")
    command = interpreter.command((sys.executable, "-m", "asked", "1"), other)
    assert command[0] == other
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(tmp_path)}, check=False)
    assert done.stdout == "True ['1'] __main__\n", done.stderr


def test_without_another_python_the_command_stays():
    assert interpreter.command(("python", "-m", "x"), "") == ("python", "-m", "x")


def test_what_is_no_python_is_told(tmp_path):
    with pytest.raises(DataError, match=r"true does not answer as a Python .*; name another"):
        interpreter.versions("/bin/true", ("numpy",))
    wrong = tmp_path / "python"
    wrong.write_text('#!/bin/sh\necho "[[3, 8, 1], {}]"\n')
    wrong.chmod(0o755)
    with pytest.raises(DataError, match=r"is Python 3\.8\.1, dlas runs on .*; make it with the same"):
        interpreter.versions(str(wrong), ())
