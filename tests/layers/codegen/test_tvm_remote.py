"""Executables for other devices: linked for their architecture, run by a server that a tracker knows."""

import json
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip("tvm")
pytest.importorskip("onnx")

import onnx
from onnx import TensorProto, helper, numpy_helper

from dlas import artifacts, network
from dlas.errors import Inapplicable
from dlas.fingerprint import file_digest
from dlas.host import Place, Target
from dlas.layers.codegen import Lowering
from dlas.layers.codegen.tvm import Tvm, linking, remote

NATIVE = Lowering(Tvm.native, {})
MACHINES = {"x86_64": 62, "aarch64": 183}  # of ELF files
COPY = """
import shutil, sys
out, *objects = sys.argv[sys.argv.index("-o") + 1:]
shutil.copyfile(objects[0], out)
"""


def artifact(folder, **facts):
    return artifacts.Artifact("", folder, {}, facts, {p.name: file_digest(p) for p in folder.iterdir()}, 0.0)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A convolution, a ReLU, a mean and a linear operator."""
    folder = tmp_path_factory.mktemp("network")
    generator = np.random.default_rng(0)
    weights = {"w": (8, 3, 3, 3), "b": (8,), "v": (8, 5)}
    stored = [
        numpy_helper.from_array(generator.standard_normal(s, dtype=np.float32), name) for name, s in weights.items()
    ]
    nodes = [
        helper.make_node("Conv", ["input", "w", "b"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["m"]),
        helper.make_node("Flatten", ["m"], ["f"]),
        helper.make_node("MatMul", ["f", "v"], ["logits"], name="linear"),
    ]
    images = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 9, 9])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 5])
    graph = helper.make_graph(nodes, "network", [images], [logits], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.save(model, folder / network.ONNX)
    operators = [vars(operator) for operator in network.read_operators(folder / network.ONNX)]
    return artifact(folder, operators=operators, shape=[3, 9, 9])


def compiled(source, architecture, isa, out):
    facts = Tvm().compile(source, NATIVE, Target(architecture, isa, 1, 1), out)
    return artifact(out, **source.facts, **facts)


def elf_machine(path):
    header = path.read_bytes()[:20]
    assert header[:4] == b"\x7fELF"
    return int.from_bytes(header[18:20], "little")


@pytest.mark.parametrize(("architecture", "isa"), [("x86_64", "avx2"), ("aarch64", "neon")])
def test_objects_are_of_the_devices_architecture(architecture, isa, source, tmp_path, monkeypatch):
    monkeypatch.setattr(linking, "linker", lambda asked: (sys.executable, "-c", COPY))
    executable = compiled(source, architecture, isa, tmp_path)
    assert elf_machine(executable.file("network.so")) == MACHINES[architecture]
    assert json.loads(executable.file("kernels.json").read_text())["isa"] == isa


@pytest.mark.slow
@pytest.mark.skipif(linking.linker("aarch64") is None, reason="nothing here links for aarch64")
def test_a_library_for_aarch64_is_one(source, tmp_path):
    assert elf_machine(compiled(source, "aarch64", "neon", tmp_path).file("network.so")) == MACHINES["aarch64"]


def test_without_a_cross_linker_it_is_inapplicable(monkeypatch, tmp_path):
    monkeypatch.setattr(linking, "linker", lambda asked: None)
    with pytest.raises(Inapplicable) as problem:
        linking.export(None, tmp_path / "network.so", "aarch64")
    assert str(problem.value) == (
        "codegen tvm: nothing here links a library for aarch64; "
        "install aarch64-linux-gnu-g++, or dlas[zig] (the package ziglang)"
    )


# --- over loopback ------------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def started(*argv):
    process = subprocess.Popen([sys.executable, "-m", *argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def tracker():
    """A tracker's address, with one server that is registered as `box`."""
    from tvm import rpc

    port, other = free_port(), free_port()
    address = f"127.0.0.1:{port}"
    with (
        started("tvm.exec.rpc_tracker", *_on(port)),
        started("tvm.exec.rpc_server", *_on(other), f"--tracker={address}", "--key=box"),
    ):
        deadline = time.monotonic() + 240
        while not _registered(rpc, port):
            assert time.monotonic() < deadline
            time.sleep(0.5)
        yield address


def _on(port):
    return "--host=127.0.0.1", "--silent", f"--port={port}", f"--port-end={port + 1}"


def _registered(rpc, port):
    try:
        queues = rpc.connect_tracker("127.0.0.1", port).summary()["queue_info"]
    except (OSError, RuntimeError):
        return False
    return queues.get("box", {}).get("free", 0) > 0


@pytest.mark.slow
def test_a_server_that_a_tracker_knows_runs_the_network(source, tracker, tmp_path):
    executable = compiled(source, "x86_64", "avx2", tmp_path)
    place = Place("rpc", 0, 1, f"{tracker}/box")
    images = np.random.default_rng(1).standard_normal((1, 3, 9, 9), dtype=np.float32)
    runner = Tvm().load(executable, place)
    runner.feed(images)
    runner.infer()
    wanted = network.run(source.file(network.ONNX), images, optimise=False)
    np.testing.assert_allclose(runner.output(), wanted, rtol=1e-4, atol=1e-5)
    evidence = runner.evidence()
    assert (evidence.threads, evidence.isa) == (1, "avx2")
    idle = Tvm().idle(executable, place)
    idle.feed(images)
    idle.infer()
    assert (idle.output() == images).all()


def test_where_no_tracker_answers_it_is_inapplicable(monkeypatch):
    from tvm import rpc

    def silent(*_):
        raise RuntimeError("Cannot connect to tracker")

    monkeypatch.setattr(rpc, "connect_tracker", silent)
    with pytest.raises(Inapplicable, match=r"no server of box is free at 127.0.0.1:9 \(RuntimeError\); start one"):
        remote._session("127.0.0.1:9/box")
