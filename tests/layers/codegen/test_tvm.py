"""The code generator tvm: whole networks against ONNX Runtime, its library in a process without the compiler."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("tvm")
pytest.importorskip("torch")

from torch import nn

from dlas import artifacts, network
from dlas.errors import Inapplicable
from dlas.host import ISAS, Host, Target
from dlas.layers.codegen import Lowering
from dlas.layers.codegen.tvm import Tvm, linking
from dlas.realise import lowering_of, obstacle, realisation
from dlas.registry import parse
from dlas.stack import Stack

TOLERANCE = 1e-4
LOWERINGS = {
    "direct": "direct.Direct",
    "gemm": "gemm.Gemm",
    "spatial-pack": "spatial_pack.SpatialPack",
    "mixed": "mixed.Mixed",
}


def conv(before, after, kernel, stride=1, groups=1, act=None):
    layers = [nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(after)]
    return nn.Sequential(*layers, *([act] if act else []))


class Residual(nn.Module):
    """Adds what it computes to its input."""

    def __init__(self, *body):
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x):
        return x + self.body(x)


class SqueezeExcite(nn.Module):
    """Scales each channel by what its mean says."""

    def __init__(self, channels):
        super().__init__()
        self.gate = nn.Sequential(nn.Conv2d(channels, 4, 1), nn.SiLU(), nn.Conv2d(4, channels, 1), nn.Sigmoid())

    def forward(self, x):
        return x * self.gate(x.mean((2, 3), keepdim=True))


class Dense(nn.Module):
    """Norm, ReLU, 1x1, norm, ReLU, 3x3; what comes out is put beside what went in."""

    def __init__(self, before, growth):
        super().__init__()
        norm, act = nn.BatchNorm2d(before), nn.ReLU()
        self.body = nn.Sequential(
            norm, act, conv(before, 2 * growth, 1, act=act), nn.Conv2d(2 * growth, growth, 3, 1, 1)
        )

    def forward(self, x):
        return nn.functional.relu(self.cat(x, self.body(x)))

    def cat(self, *parts):
        import torch

        return torch.cat(parts, 1)


def head(channels):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 7)]


def inverted(channels, hidden, act):
    return [
        conv(channels, hidden, 1, act=act),
        conv(hidden, hidden, 3, groups=hidden, act=act),
        conv(hidden, channels, 1),
    ]


NETWORKS = {
    "residual": lambda: [conv(3, 12, 3, act=nn.ReLU()), Residual(conv(12, 12, 3, act=nn.ReLU()), conv(12, 12, 3))],
    "inverted residual": lambda: [conv(3, 12, 3, 2, act=nn.ReLU6()), Residual(*inverted(12, 30, nn.ReLU6()))],
    "squeeze-excite": lambda: [
        conv(3, 12, 3, 2, act=nn.SiLU()),
        Residual(
            conv(12, 24, 1, act=nn.SiLU()), conv(24, 24, 5, 1, 24, act=nn.SiLU()), SqueezeExcite(24), conv(24, 12, 1)
        ),
    ],
    "hard": lambda: [conv(3, 12, 3, 2, act=nn.Hardswish()), conv(12, 12, 1, act=nn.Hardsigmoid())],
    "dense": lambda: [conv(3, 8, 7, 2), nn.MaxPool2d(3, 2, 1), Dense(8, 4), nn.AvgPool2d(2), nn.Conv2d(12, 12, 1)],
}


def export(name, path):
    """An ONNX file with a symbolic batch, its norms far from the identity."""
    import torch

    torch.manual_seed(0)
    module = nn.Sequential(*NETWORKS[name](), *head(12)).eval()
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            child.running_mean.normal_(0, 0.1)
            child.running_var.uniform_(0.5, 1.5)
    network._export(module, [3, 23, 21], path)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The executable of a network under a primitive, as an artifact; each is built once."""
    done = {}

    def build(name, primitive="spatial-pack", batch=1, schedule="default"):
        key = (name, primitive, batch, schedule)
        if key not in done:
            folder = tmp_path_factory.mktemp("network")
            export(name, folder / network.ONNX)
            operators = [vars(operator) for operator in network.read_operators(folder / network.ONNX)]
            facts = {"operators": operators, "shape": [3, 23, 21]}
            source = artifacts.Artifact("", folder, {}, facts, hashes(folder), 0.0)
            lowering = Lowering(f"dlas.layers.primitive.tvm.{LOWERINGS[primitive]}", {})
            out = tmp_path_factory.mktemp("executable")
            made = Tvm(schedule).compile(source, lowering, Target("x86_64", "avx2", batch, 1), out)
            done[key] = source, artifacts.Artifact("", out, {}, {**facts, **made}, hashes(out), 0.0)
        return done[key]

    return build


def hashes(folder):
    from dlas.fingerprint import file_digest

    return {path.name: file_digest(path) for path in folder.iterdir()}


CHILD = """
import json, sys, numpy as np
from pathlib import Path
from dlas import artifacts
from dlas.host import Place
from dlas.layers.codegen.tvm import Tvm
folder, files, place = Path(sys.argv[1]), json.loads(sys.argv[2]), Place(**json.loads(sys.argv[3]))
executable = artifacts.Artifact("", folder, {}, {}, files, 0.0)
runner, images = Tvm().load(executable, place), np.load(folder / "images.npy")
runner.feed(images)
runner.infer()
idle = Tvm().idle(executable, place)
idle.feed(images)
idle.infer()
assert (idle.output() == images).all()
import tvm
assert "torch" not in sys.modules
import torch
evidence = runner.evidence()
print(json.dumps([runner.output().tolist(), evidence.threads, evidence.isa, tvm.base._RUNTIME_ONLY]))
"""


def in_a_child(executable, images, threads):
    """Logits, threads, instruction set, and whether the compiler was left out, from a fresh process without PyTorch."""
    np.save(executable.folder / "images.npy", images)
    place = json.dumps({"device": "cpu", "index": 0, "threads": threads})
    argv = [sys.executable, "-c", CHILD, str(executable.folder), json.dumps(executable.files), place]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def relative_error(source, executable, batch, threads=1):
    images = np.random.default_rng(0).standard_normal((batch, 3, 23, 21), dtype=np.float32)
    wanted = network.run(source.file(network.ONNX), images, optimise=False)
    logits, *told = in_a_child(executable, images, threads)
    return np.abs(np.array(logits, np.float32) - wanted).max() / np.abs(wanted).max(), told


@pytest.mark.parametrize("name", NETWORKS)
def test_whole_networks_are_onnx_runtimes_in_a_process_without_the_compiler(name, built):
    error, told = relative_error(*built(name), 1)
    assert error < TOLERANCE
    assert told == [1, "avx2", True]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
@pytest.mark.parametrize("threads", [1, 2])
def test_the_pool_has_as_many_threads_as_were_asked_for(threads, built):
    error, told = relative_error(*built("inverted residual"), 1, threads)
    assert error < TOLERANCE
    assert told == [threads, "avx2", True]


def test_what_was_timed_for_each_operator_is_in_the_manifest(built):
    source, executable = built("hard", primitive="mixed")
    choices = executable.facts["choices"]
    assert [choice["operator"] for choice in choices] == [o["name"] for o in source.facts["operators"]]
    assert all(choice["chosen"] in choice["seconds"] for choice in choices)
    assert set(choices[0]["seconds"]) == {"spatial-pack", "direct", "gemm"}
    kernels = json.loads(executable.file("kernels.json").read_text())["kernels"]
    assert {kernel["primitive"] for kernel in kernels} == {"mixed"}
    assert relative_error(source, executable, 1)[0] < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("primitive", ["direct", "gemm"])
@pytest.mark.parametrize("name", NETWORKS)
def test_whole_networks_under_other_primitives(name, primitive, built):
    error, _ = relative_error(*built(name, primitive, batch=3), 3)
    assert error < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["fixed", "naive"])
def test_whole_networks_with_other_schedules(schedule, built):
    error, _ = relative_error(*built("inverted residual", schedule=schedule), 1)
    assert error < TOLERANCE


def test_the_list_of_kernels_names_each_operator_with_its_primitive(built):
    source, executable = built("residual")
    listed = json.loads(executable.file("kernels.json").read_text())
    assert [kernel["operator"] for kernel in listed["kernels"]] == [o["name"] for o in source.facts["operators"]]
    assert {kernel["primitive"] for kernel in listed["kernels"]} == {"spatial-pack"}
    assert listed["copied_bytes"] == 4 * 12, "the mean of twelve channels, which leave their last block unfilled"
    dense = sum(operator["parameters"] for operator in source.facts["operators"])
    assert executable.facts["weights_size"] >= 4 * dense


def test_a_primitive_of_another_dialect_is_refused_and_native_is_spatial_pack():
    (native,), (direct,) = parse("primitive", "native"), parse("primitive", "direct")
    assert lowering_of(native, Tvm()) == Lowering("dlas.layers.primitive.tvm.spatial_pack.SpatialPack", {})
    assert lowering_of(direct, Tvm()) == Lowering("dlas.layers.primitive.tvm.direct.Direct", {})
    (openvino,) = parse("codegen", "openvino")
    assert lowering_of(native, openvino) is None


def test_the_lowerings_code_and_the_effective_instruction_set_are_in_the_key():
    narrow = Host("A CPU", "x86_64", ("avx2", "fma"), (), 2, None, 2**34)
    ingredients = realisation(Stack(codegen="tvm"), (), narrow).executable.ingredients
    assert ingredients["target"] == {"architecture": "x86_64", "isa": "avx2", "batch": 1}
    assert ingredients["lowering_code"]
    assert set(ingredients["packages"]) == {"apache-tvm", "apache-tvm-ffi", "onnx"}
    held = realisation(Stack(codegen="tvm", hardware="cpu@isa=avx2"), (), narrow).executable
    assert held.key == realisation(Stack(codegen="tvm"), (), narrow).executable.key


def test_without_a_linker_it_is_inapplicable_and_both_remedies_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(linking, "linker", lambda architecture: None)
    reason = (
        "codegen tvm: nothing here links a library; install a C++ compiler (c++), or dlas[zig] (the package ziglang)"
    )
    assert Tvm().needs(Stack(codegen="tvm"), Host("A CPU", "x86_64", ("avx2", "fma"), (), 2, None, 2**34)) == reason
    with pytest.raises(Inapplicable) as problem:
        linking.export(None, tmp_path / "network.so", "x86_64")
    assert str(problem.value) == reason


def test_ziglang_links_where_there_is_no_compiler(monkeypatch):
    monkeypatch.setattr(linking.shutil, "which", lambda name: None)
    monkeypatch.setattr(linking.importlib.util, "find_spec", lambda name: object())
    zig = (sys.executable, "-m", "ziglang", "c++")
    assert linking.linker("x86_64") == zig
    assert linking.linker("aarch64") == (*zig, "-target", "aarch64-linux-gnu.2.28")


def integers(host, **layers):
    return obstacle(Stack(codegen=layers.pop("codegen", "tvm"), compression="int8", **layers), host)


def test_integers_need_vnni_and_a_primitive_that_has_them():
    narrow = Host("A CPU", "x86_64", ("avx2", "fma"), (), 2, None, 2**34)
    wide = Host("A CPU", "x86_64", tuple(flag for flags in ISAS.values() for flag in flags), (), 2, None, 2**34)
    reason = "codegen tvm: integer kernels need VNNI, which is not there; use another code generator"
    assert integers(narrow) == integers(wide, hardware="cpu@isa=avx2") == reason
    assert integers(wide) is integers(wide, hardware="cpu@isa=avx512-vnni", primitive="spatial-pack") is None
    assert integers(wide, primitive="gemm") == "primitive gemm has no integer kernels; use spatial-pack"
    assert integers(wide, codegen="tvm@schedule=tuned") is None
    assert integers(wide, codegen="tvm@schedule=tuned,space=both") == (
        "codegen tvm: space=both has no integer kernels; use space=template"
    )


def test_a_processor_without_a_known_instruction_set_is_refused():
    bare = Host("A CPU", "x86_64", (), (), 2, None, 2**34)
    assert Tvm().needs(Stack(codegen="tvm"), bare) == (
        "codegen tvm: this processor has none of the instruction sets that it writes for"
    )


def test_loops_as_written_are_refused_on_several_threads():
    narrow = Host("A CPU", "x86_64", ("avx2", "fma"), (), 2, None, 2**34)
    two = Stack(codegen="tvm", hardware="cpu@threads=2")
    assert Tvm("naive").needs(two, narrow) == (
        "codegen tvm: schedule=naive runs no loop in parallel, so not on 2 threads; use threads=1, or schedule=default"
    )
    assert Tvm("fixed").needs(two, narrow) is Tvm("naive").needs(Stack(codegen="tvm"), narrow) is None
