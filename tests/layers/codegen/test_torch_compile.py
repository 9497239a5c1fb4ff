"""TorchInductor ahead of time: numbers of the module itself, kernels as oneDNN tells them."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from dlas import network
from dlas.artifacts import Artifact
from dlas.fingerprint import file_digest
from dlas.host import Host, Place, Target
from dlas.layers.codegen import torch_compile
from dlas.layers.codegen.torch_compile import TorchCompile
from dlas.realise import realisation
from dlas.registry import parse
from dlas.stack import Stack

MODEL, SHAPE, CLASSES = "resnet8@weights=random", (1, 8, 8), 10
HOST = Host("A CPU", "x86_64", ("avx2", "fma"), (), 2, None, 2**34)


@pytest.fixture
def module():
    torch.manual_seed(0)
    (option,) = parse("model", MODEL)
    return option.module(SHAPE, CLASSES).eval()


def saved(module, folder):
    """What rebuilds a module, as an artifact."""
    from safetensors.torch import save_file

    folder.mkdir()
    shapes = {name: network._final_shape(child) for name, child in module.named_modules()}
    (folder / network.SHAPES).write_text(json.dumps(shapes))
    save_file(module.state_dict(), folder / network.WEIGHTS)
    return artifact(folder, {"module": True, "model": MODEL, "shape": list(SHAPE), "classes": CLASSES})


def artifact(folder, facts):
    return Artifact("", folder, {}, facts, {path.name: file_digest(path) for path in folder.iterdir()}, 0.0)


@pytest.mark.slow
@pytest.mark.skipif(TorchCompile().needs(Stack(), HOST) is not None, reason="needs a C++ compiler")
def test_it_computes_what_the_module_computes_and_shows_every_kernel(module, tmp_path, monkeypatch):
    for name, value in {**TorchCompile.ceilings["avx2"], "TORCHINDUCTOR_CACHE_DIR": ""}.items():
        monkeypatch.setenv(name, value)  # so that they are taken back; a build has a process of its own
    images = np.random.default_rng(0).standard_normal((2, *SHAPE), dtype=np.float32)
    source, out = saved(module, tmp_path / "network"), tmp_path / "out"
    out.mkdir()
    facts = TorchCompile().compile(source, None, Target("x86_64", "avx2", 2, 1), out)
    executable, place = artifact(out, {**source.facts, **facts, "batch": 2}), Place("cpu", 0, 1)
    runner, idle = TorchCompile().load(executable, place), TorchCompile().idle(executable, place)
    for loaded in (runner, idle):
        loaded.feed(images)
        loaded.infer()
    with torch.no_grad():
        wanted = module(torch.from_numpy(images)).numpy()
    assert np.abs(runner.output() - wanted).max() <= 1e-4 * np.abs(wanted).max()
    assert (idle.output() == images).all()
    evidence = runner.evidence()
    assert (evidence.precision, evidence.threads) == ("float32", 1)
    assert sum(kernel.kind == "convolution" for kernel in evidence.kernels) == 9
    assert facts["weights_size"] == sum(value.nbytes for value in module.state_dict().values())


def test_another_compiler_makes_an_executable_stale_and_another_path_of_the_same_does_not(tmp_path, monkeypatch):
    keys = {}
    for name, version in {"first": "12.2.0", "same": "12.2.0", "later": "14.1.0"}.items():
        compiler = tmp_path / name
        compiler.write_text(f"#!/bin/sh\necho 'g++ (Debian) {version}'\necho Copyright")
        compiler.chmod(0o755)
        monkeypatch.setenv("CXX", str(compiler))
        keys[name] = realisation(Stack(codegen="torch-compile"), (), HOST).executable.key
    assert keys["first"] == keys["same"] != keys["later"]
    monkeypatch.setenv("CXX", str(tmp_path / "nowhere"))
    assert TorchCompile().ingredients() == {"compiler": ""}


def test_a_compiler_that_cannot_be_run_is_no_reason_for_a_plan_to_fail(tmp_path, monkeypatch):
    compiler = tmp_path / "compiler"
    compiler.write_bytes(b"\x00")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    assert TorchCompile().ingredients() == {"compiler": ""}


def test_without_a_compiler_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(torch_compile.shutil, "which", lambda name: None)
    assert TorchCompile().needs(Stack(codegen="torch-compile"), HOST) == (
        "codegen torch-compile: nothing here compiles C++; install g++, or name a compiler in $CXX"
    )
