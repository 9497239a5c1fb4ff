"""A device behind TVM's RPC: what is compiled for it, where it is looked for, who can use it."""

import pytest

from dlas.host import Host, Target
from dlas.layers.hardware.rpc import Rpc
from dlas.realise import obstacle, realisation
from dlas.registry import parse, write
from dlas.stack import Stack

HOST = Host("A CPU", "x86_64", ("avx2", "fma"), (), 2, None, 2**34)


def test_its_text_names_the_device():
    assert write(parse("hardware", "rpc@pi,threads=4")) == "rpc@pi,threads=4"


def test_nobody_said_where_the_tracker_is(monkeypatch):
    monkeypatch.delenv("DLAS_RPC", raising=False)
    reason = "nobody said where the tracker is that knows pi; set DLAS_RPC=HOST:PORT to its address"
    assert Rpc("pi").needs(Stack(), HOST) == reason
    monkeypatch.setenv("DLAS_RPC", "here")
    assert Rpc("pi").needs(Stack(), HOST) == reason


def test_code_is_for_the_device_and_the_child_knows_where_it_is(monkeypatch):
    monkeypatch.setenv("DLAS_RPC", "10.0.0.7:9190")
    device = Rpc("pi", threads=4, batch=2)
    assert device.needs(Stack(), HOST) is None
    assert device.target(HOST) == Target("aarch64", "neon", 2, 4)
    assert Rpc("box", architecture="x86_64").target(HOST) == Target("x86_64", "avx2", 1, 1)
    command = device.start(HOST)
    assert (command.place.address, command.place.threads, command.clock) == ("10.0.0.7:9190/pi", 4, "wall")
    assert len(command.cpus) == 1


def test_only_tvm_reaches_it_and_nothing_is_timed_for_it_here(monkeypatch):
    monkeypatch.setenv("DLAS_RPC", "10.0.0.7:9190")
    box = "rpc@box,architecture=x86_64"
    assert obstacle(Stack(codegen="torch", hardware=box), HOST) == "torch does not run on rpc"
    pytest.importorskip("tvm")
    mixed = Stack(codegen="tvm", primitive="mixed", hardware=box)
    assert obstacle(mixed, HOST) == "primitive mixed times its candidates on this host, not on rpc"
    plain = realisation(Stack(codegen="tvm", hardware=box), (), HOST).executable
    assert plain.key == realisation(Stack(codegen="tvm"), (), HOST).executable.key, "the same code as here"
