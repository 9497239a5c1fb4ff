"""What several test modules need: a store, empty caches, a site with the toy package in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import settings

from dlas import fingerprint, realise, registry
from dlas.artifacts import Store

settings.register_profile("dlas", deadline=None)
settings.load_profile("dlas")


@pytest.fixture(autouse=True)
def environment():
    """Whatever a runtime that a test loads here writes into the environment is gone after it."""
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture
def store(tmp_path):
    """An empty store that is ready."""
    empty = Store(tmp_path / "store")
    empty.prepare()
    return empty


@pytest.fixture
def forget():
    """Empties the caches of dlas, as a new process would; also afterwards, so that no test sees another's."""

    def empty():
        for module in (fingerprint, realise, registry):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()

    empty()
    yield empty
    empty()


@pytest.fixture(scope="session")
def toy_site(tmp_path_factory):
    """A folder into which pip has installed `tests/toy_package`; put it on PYTHONPATH."""
    folder = tmp_path_factory.mktemp("toy")
    source = shutil.copytree(Path(__file__).parent / "toy_package", folder / "source")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--target", folder / "site"]
    subprocess.run([*pip, *offline, source], check=True)
    return folder / "site"
