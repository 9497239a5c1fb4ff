"""The instruction set that an executable tells is that of its instructions, whatever it was compiled for."""

import json
from types import SimpleNamespace

import pytest

pytest.importorskip("tvm")
pytest.importorskip("onnx")

from conv_chain import SPATIAL_PACK, stored

from dlas.host import Target
from dlas.layers.codegen.tvm import building, machinecode
from dlas.layers.codegen.tvm.runner import KERNELS
from dlas.tensorir.machine import machine


@pytest.mark.parametrize(
    ("instruction", "isa"),
    [
        ("tdpbssd %tmm2, %tmm1, %tmm0", "amx"),
        ("vpdpbusd %zmm2, %zmm1, %zmm0", "avx512-vnni"),
        ("vfmadd231ps %zmm2, %zmm1, %zmm0", "avx512"),
        ("vaddps %ymm17, %ymm1, %ymm0", "avx512"),
        ("vmovups %ymm0, (%rdi){%k1}", "avx512"),
        ("vfmadd231ps %ymm2, %ymm1, %ymm10", "avx2"),
        ("fmla v0.4s, v1.4s, v2.s[0]", "neon"),
        ("addq %rax, %rbx", "not told"),
    ],
)
def test_an_instruction_tells_the_set_that_it_belongs_to(instruction, isa):
    assert machinecode.isa_of(f"\tretq\n\t{instruction}\n") == isa


def told(folder, name, isa):
    out = folder / f"out-{name}"
    out.mkdir()
    building.build(stored(folder, name, 1, seed=0), SPATIAL_PACK.make(), Target("x86_64", isa, 1, 1), "default", out)
    return json.loads((out / KERNELS).read_text())["isa"]


def test_a_library_beyond_its_ceiling_tells_so(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "machine", lambda _: machine("avx512"))
    assert told(tmp_path, "network", "avx2") == "avx512"


def test_kernels_of_float32_tell_nothing_of_amx(tmp_path):
    assert told(tmp_path, "network", "amx") == "avx512"


def test_without_a_disassembler_the_compiler_tells(tmp_path, monkeypatch):
    monkeypatch.setattr(machinecode, "shutil", SimpleNamespace(which=lambda _: None))
    assert told(tmp_path, "network", "avx2") == "avx2"
