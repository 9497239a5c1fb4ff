"""Remarks: a phrase where the evidence explains a disappointment, silence everywhere else."""

import pytest

from dlas.layers.codegen import Evidence, Kernel
from dlas.study.remarks import LITTLE, MANY_ZEROS, remark

SLOW = 1.1  # latency over that of the uncompressed stack


def kernel(kind="convolution", precision="float32", sparse=False):
    return Kernel("operator", kind, "kernel", precision, sparse)


def evidence(*kernels, isa="avx2"):
    return Evidence(kernels, 1, isa)


def record(zeros=0.0, precision="float32", trained=True):
    return {"parameters": 1000, "nonzeros": 1000 * (1 - zeros), "precision": precision, "trained": trained}


DENSE = evidence(*[kernel()] * 9, kernel("linear"))
INT8 = evidence(*[kernel(precision="int8")] * 3)


# --- phrases ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernels", "who"),
    [
        ([kernel()] * 9, "all 9 convolutions"),
        ([kernel()] * 9 + [kernel("linear")], "all 9 convolutions"),
        ([kernel("linear")] * 4, "all 4 linear operators"),
        ([kernel("linear")], "the only linear operator"),
        ([kernel()], "the only convolution operator"),
    ],
)
def test_zeros_that_ran_dense_are_told(kernels, who):
    assert remark(record(zeros=0.9), evidence(*kernels), SLOW) == f"{who} ran dense: zeros bring no speed"


def test_an_int8_network_that_ran_partly_in_floating_point_is_told():
    mixed = evidence(kernel(precision="int8"), kernel(), kernel())
    assert remark(record(precision="int8"), mixed, SLOW) == "2 of 3 operators ran in floating point"


@pytest.mark.parametrize("isa", ["avx2", "avx", "sse42", "sse41"])
def test_integers_without_the_instructions_for_them_are_told(isa):
    found = evidence(*INT8.kernels, isa=isa)
    assert remark(record(precision="int8"), found, SLOW) == (
        f"all 3 convolutions ran in integers, but on {isa} without VNNI: little to gain"
    )


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "ternary"])
def test_weights_that_the_executable_stores_in_more_bytes_than_the_network_are_told(kind):
    stored = {"stored": [kind, 1000], "weights_size": 4000}
    said = f"this runtime stores the {kind} weights in float32"
    assert remark(record() | stored, DENSE, None) == said
    assert (
        remark(record(zeros=0.9) | stored, DENSE, SLOW) == f"{said}; all 9 convolutions ran dense: zeros bring no speed"
    )
    assert remark(record() | stored | {"weights_size": 1100}, DENSE, None) == ""


def test_zeros_of_a_quantised_network_are_told_first():
    assert "ran dense" in remark(record(zeros=0.5, precision="int8"), INT8, SLOW)


@pytest.mark.parametrize("ratio", [None, 0.1, SLOW])
def test_random_weights_are_told_however_fast_they_are(ratio):
    assert remark(record(zeros=0.9, trained=False), DENSE, ratio) == "random weights: no accuracy"


# --- silence ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [None, 0.1, LITTLE - 0.001])
def test_what_is_faster_or_has_nothing_to_be_compared_with_needs_no_remark(ratio):
    assert remark(record(zeros=0.9), DENSE, ratio) == ""
    assert remark(record(precision="int8"), INT8, ratio) == ""


@pytest.mark.parametrize("ratio", [LITTLE, 1.0, 3.0])
def test_a_gain_of_a_tenth_or_less_disappoints(ratio):
    assert remark(record(zeros=0.9), DENSE, ratio) != ""


def test_few_zeros_promise_no_speed():
    assert remark(record(zeros=MANY_ZEROS - 0.01), DENSE, SLOW) == ""
    assert remark(record(zeros=MANY_ZEROS + 0.01), DENSE, SLOW) != ""


def test_zeros_that_ran_sparse_explain_nothing():
    assert remark(record(zeros=0.9), evidence(kernel(), kernel(sparse=True)), SLOW) == ""


@pytest.mark.parametrize("isa", ["vnni", "amx", "avx512", "not told"])
def test_integers_with_fast_instructions_or_without_a_tale_explain_nothing(isa):
    assert remark(record(precision="int8"), evidence(*INT8.kernels, isa=isa), SLOW) == ""


def test_an_ordinary_network_that_is_slow_is_left_without_a_remark():
    assert remark(record(), DENSE, SLOW) == ""


def test_a_search_in_vain_is_told():
    vain = {"tune_trials": 12, "tune_payoff": None}
    said = "12 trials found nothing faster: the default schedules were kept"
    assert remark({**record(), "tuning": vain}, DENSE, None) == said
    assert remark({**record(trained=False), "tuning": vain}, DENSE, None) == f"random weights: no accuracy; {said}"
    assert remark({**record(), "tuning": {**vain, "tune_payoff": 1e6}}, DENSE, None) == ""
