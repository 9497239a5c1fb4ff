"""What is said of a runtime that is missing, or that fails."""

import pytest

from dlas.errors import BuildFailed
from dlas.measure import runtimes
from dlas.measure.runtimes import Runtime


class Broken:
    """A child that cannot answer."""

    def __init__(self, argv, env):
        assert env["OMP_NUM_THREADS"] == "1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def ask(self, request, timeout):
        raise BuildFailed(f"{request['runtime']} has no processor")


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(runtimes, "package_version", lambda name: None if name == "torch" else "1.0")


def test_what_is_not_installed_is_not_asked_and_what_fails_says_why(monkeypatch, installed):
    monkeypatch.setattr(runtimes, "Child", Broken)
    assert runtimes.ask_all() == (
        Runtime("openvino", "1.0", problem="openvino has no processor"),
        Runtime("onnxruntime", "1.0", problem="onnxruntime has no processor"),
        Runtime("torch", None),
        Runtime("tvm", "1.0", problem="tvm has no processor"),
    )
