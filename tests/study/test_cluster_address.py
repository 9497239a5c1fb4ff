"""Which schedulers may be spoken to: encrypted ones, and those on this very machine. Nothing is connected to."""

import distributed
import pytest

from dlas.errors import StudyError
from dlas.study.cluster import _connect


@pytest.fixture(autouse=True)
def client(monkeypatch):
    monkeypatch.setattr(distributed, "Client", lambda address, **_: f"connected to {address}")


@pytest.mark.parametrize(
    "address",
    [
        *("tls://lab.example.org:8786", "wss://lab.example.org:8786", "tls://127.0.0.1:8786"),
        *("127.0.0.1:8786", "tcp://127.0.0.1:8786", "tcp://127.9.9.9:8786", "tcp://[::1]:8786", "ws://127.0.0.1:8786"),
        *("localhost:8786", "tcp://localhost:8786"),
    ],
)
def test_encryption_and_loopback_are_let_through(address):
    assert _connect(address) == f"connected to {address}"


@pytest.mark.parametrize(
    "address",
    [
        *("lab.example.org:8786", "tcp://lab.example.org:8786", "ws://lab.example.org:8786", "tcp://192.0.2.7:8786"),
        *("tcp://localhost.example.org:8786", "tcp://127.0.0.1.example.org:8786", "tcp://localhost@192.0.2.7:8786"),
        *("tcp://[::1].example.org:8786", "tcp://0.0.0.0:8786", "tcp://[::]:8786", "tcp://tls://lab.example.org:8786"),
    ],
)
def test_all_else_is_refused(address):
    with pytest.raises(StudyError) as problem:
        _connect(address)
    assert str(problem.value).startswith(
        (f"--scheduler {address}: Dask runs whatever reaches it", "no scheduler answers")
    )


@pytest.mark.parametrize("address", ["http://127.0.0.1:8786", "localhost", "tls:/127.0.0.1:8786"])
def test_what_is_no_address_is_told_in_one_sentence(address):
    with pytest.raises(StudyError, match=r"^no scheduler answers at .*; start one with `dask scheduler`"):
        _connect(address)
