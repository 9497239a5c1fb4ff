"""The contest between primitives: who may enter, what is chosen, and that the chosen kernels are right."""

import numpy as np
import pytest

pytest.importorskip("tvm")
pytest.importorskip("torch")

from single import expected, random, run, written

from dlas.host import Host
from dlas.layers.codegen.tvm import choosing
from dlas.layers.codegen.tvm.choosing import settled, signature
from dlas.layers.primitive.mixed import Mixed as Option
from dlas.layers.primitive.tvm.mixed import Mixed
from dlas.stack import Stack
from dlas.tensorir.contest import Timed
from dlas.tensorir.emitter import Emitter
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Convolution, Linear

MIXED = Mixed()


def convolution(sparsity=0.0, channels=32, side=14, kernel=3, groups=1):
    weights = random(0, (channels, channels // groups, kernel, kernel))
    weights[np.random.default_rng(1).random(weights.shape) < sparsity] = 0
    return Convolution(weights, (1, channels, side, side), padding=(kernel // 2,) * 4, groups=groups)


def names(operator):
    return [candidate.name for candidate in MIXED.candidates(operator, 8)]


def test_only_those_enter_whose_kernels_differ():
    dense = ["spatial-pack", "direct", "gemm"]
    sparse = ["csr-direct", "csr-gemm", "csr-spatial-pack"]
    assert names(convolution()) == [*dense, "winograd"]
    assert names(convolution(kernel=1, sparsity=0.9))[:6] == [*dense, *sparse]
    assert names(convolution(groups=32)) == dense
    assert names(Linear(random(0, (20, 10)), 1)) == ["spatial-pack"]


def test_a_faster_kernel_is_taken_unless_the_copies_cost_more():
    operators = [convolution(), convolution(), convolution()]
    seconds = [{"spatial-pack": 1.0, "direct": 2.0}, {"spatial-pack": 1.0, "direct": 0.9}, {"spatial-pack": 1.0}]
    image = 4 * 32 * 14 * 14
    pairs = [("blocked", "last"), ("last", "blocked")]
    cheap, dear = (dict.fromkeys(pairs, cost / image) for cost in (0.04, 0.06))
    assert MIXED.fastest(operators, 8, Timed(seconds, cheap)) == ["spatial-pack", "direct", "spatial-pack"]
    assert MIXED.fastest(operators, 8, Timed(seconds, dear)) == ["spatial-pack"] * 3


def test_linear_operators_are_chosen_by_themselves():
    operators = [convolution(), Linear(random(0, (20, 10)), 1)]
    seconds = [{"spatial-pack": 2.0, "direct": 1.0}, {"spatial-pack": 2.0, "bsr": 1.0}]
    assert MIXED.fastest(operators, 8, Timed(seconds, {})) == ["direct", "bsr"]


def test_operators_are_the_same_by_their_sizes_and_zeros():
    first, second = convolution(), convolution()
    second.weights[:] *= 2
    assert signature(first) == signature(second)
    second.weights[0, 0] = 0
    assert signature(first) != signature(second)


def test_the_chosen_kernels_are_torchs_and_run_under_the_name_of_mixed(monkeypatch):
    monkeypatch.setattr(choosing, "_ROUNDS", 1)
    operator = convolution(sparsity=0.9, channels=16, side=7)
    table = []

    class Settling:
        """The contest, settled when the network is known."""

        def convolution(self, emitter, operator, image):
            lowering, told = settled(written([operator]), MIXED, Emitter(None, machine("avx2"), "default"))
            table.extend(told)
            return lowering.convolution(emitter, operator, image)

    image = random(1, operator.image)
    found, walked = run(operator, Settling(), image)
    np.testing.assert_allclose(found, expected(operator, image), rtol=1e-4, atol=1e-5)
    (choice,) = table
    assert set(choice["seconds"]) == set(names(operator))
    assert all(seconds > 0 for seconds in choice["seconds"].values())
    assert walked.lowered[0].primitive == "mixed"
    assert walked.lowered[0].implementation.startswith(f"mixed {choice['chosen']}")


def test_candidates_are_timed_on_this_host_only():
    host = Host("A CPU", "x86_64", ("avx2", "fma"), (), 2, None, 2**34)
    assert Option().needs(Stack(codegen="tvm"), host) is None
    assert Option().needs(Stack(codegen="tvm", hardware="cuda"), host) == (
        "primitive mixed times its candidates on this host, not on cuda"
    )
