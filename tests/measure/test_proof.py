"""Verdicts on what a runtime says it ran, in words."""

import json
from dataclasses import asdict

import pytest

from dlas.layers.codegen import Evidence, Kernel
from dlas.measure.proof import Promise, Proof, judge, revive, wrong_numbers

MACS = (100, 300, 600)


def evidence(*precisions, threads=1):
    kinds = ["convolution"] * (len(precisions) - 1) + ["linear"]
    kernels = [
        Kernel(f"node{number}", kind, f"gemm_{precision}", precision)
        for number, (kind, precision) in enumerate(zip(kinds, precisions, strict=bool(precisions)))
    ]
    return Evidence(tuple(kernels), threads, "avx2")


def test_all_in_float32_is_what_float32_promises():
    assert judge(evidence("float32", "float32", "float32"), Promise("float32", 1), MACS) == Proof(
        "ok", "", "float32", 1.0
    )


def test_all_in_int8_is_what_int8_promises():
    assert judge(evidence("int8", "int8", "int8"), Promise("int8", 1), MACS) == Proof("ok", "", "int8", 1.0)


@pytest.mark.parametrize(("asked", "used"), [(1, 2), (4, 1)])
def test_other_threads_than_asked_for_are_a_contradiction(asked, used):
    found = judge(evidence("float32", threads=used), Promise("float32", asked), (1,))
    assert (found.status, found.reason) == ("failed", f"{asked} threads asked for, the runtime uses {used}")


def test_bfloat16_under_a_float32_label_is_a_contradiction():
    found = judge(evidence("bfloat16", "bfloat16", "bfloat16"), Promise("float32", 1), MACS)
    assert found == Proof("failed", "the network is float32, the runtime computes in bfloat16", "bfloat16", 0.0)


def test_one_operator_in_bfloat16_contradicts_float32_too():
    found = judge(evidence("float32", "float32", "bfloat16"), Promise("float32", 1), MACS)
    assert found.status == "failed"
    assert found.reason == "the network is float32, the runtime computes in float32+bfloat16"


def test_int8_without_an_int8_kernel_is_inapplicable():
    found = judge(evidence("float32", "float32", "float32"), Promise("int8", 1), MACS)
    assert found == Proof("inapplicable", "no operator ran in int8; all ran in float32", "float32", 0.0)


def test_a_label_fulfilled_in_part_is_ok_with_its_share_of_the_multiply_adds():
    found = judge(evidence("float32", "int8", "int8"), Promise("int8", 1), MACS)
    assert found == Proof("ok", "", "int8+float32", pytest.approx(0.9))


def test_where_kernels_and_operators_do_not_match_the_share_counts_kernels():
    found = judge(evidence("float32", "int8"), Promise("int8", 1), MACS)
    assert (found.status, found.primitive_share) == ("ok", 0.5)


def test_a_runtime_that_names_no_operator_proves_nothing():
    found = judge(Evidence((), 1, "not told"), Promise("float32", 1), MACS)
    assert (found.status, found.primitive_share) == ("failed", 0.0)
    assert found.reason == "the runtime names no convolution or linear operator that it ran"


@pytest.mark.parametrize("macs", [(), (0, 0, 0)])
def test_a_network_without_counted_multiply_adds_does_not_break_the_judge(macs):
    assert judge(evidence("float32", "float32", "int8"), Promise("float32", 1), macs).status == "failed"


def test_the_right_precision_is_ok_whatever_the_multiply_adds():
    assert judge(evidence("float32"), Promise("float32", 1), (0,)).status == "ok"


def test_evidence_survives_its_way_through_json():
    sent = evidence("float32", "int8", threads=2)
    assert revive(json.loads(json.dumps(asdict(sent)))) == sent


# --- numbers ----------------------------------------------------------------------------------------------------


def score(agreement=1.0, relative_error=0.0, quantised_agreement=None):
    errors = {"relative_error": relative_error, "max_abs_error": relative_error}
    return {"agreement": agreement, "quantised_agreement": quantised_agreement, **errors}


@pytest.mark.parametrize(
    ("precision", "right", "wrong"),
    [("float32", 1e-4, 1.1e-4), ("float16", 2e-2, 2.1e-2), ("bfloat16", 2e-2, 2.1e-2)],
)
def test_each_precision_has_its_limit_of_relative_error(precision, right, wrong):
    assert wrong_numbers(score(relative_error=right), precision) == ""
    assert wrong_numbers(score(relative_error=wrong), precision)


@pytest.mark.parametrize(("storage", "limit"), [("float16", 2e-2), ("bfloat16", 2e-2), ("ternary", 1e-4)])
def test_rounded_weights_widen_the_limit_of_float32_arithmetic_and_trained_ones_do_not(storage, limit):
    assert wrong_numbers(score(relative_error=limit), "float32", storage) == ""
    assert wrong_numbers(score(relative_error=1.1 * limit), "float32", storage)


def test_winograd_may_lose_a_digit():
    assert wrong_numbers(score(relative_error=1e-3), "float32", primitive="winograd") == ""
    assert wrong_numbers(score(relative_error=1.1e-3), "float32", primitive="winograd")
    assert wrong_numbers(score(relative_error=1.1e-4), "float32", primitive="direct")
    assert wrong_numbers(score(relative_error=2e-2), "float16", primitive="winograd") == ""


def test_wrong_numbers_are_said_with_error_and_limit():
    said = wrong_numbers(score(relative_error=0.0123), "float32")
    assert said == "wrong numbers: relative error 0.012 against the reference, above 0.0001"


@pytest.mark.parametrize("error", [float("inf"), float("nan")])
def test_numbers_that_are_none_are_wrong(error):
    assert wrong_numbers(score(relative_error=error), "float32").startswith("wrong numbers")


def test_int8_is_judged_by_agreement_with_the_quantised_network_whatever_quantising_cost():
    assert wrong_numbers(score(agreement=0.6, relative_error=0.5, quantised_agreement=0.95), "int8") == ""
    said = wrong_numbers(score(agreement=0.99, quantised_agreement=0.9), "int8")
    assert said == "top-1 agreement with the quantised network is 0.900, below 0.95"


@pytest.mark.parametrize(
    ("isa", "ceiling", "status"),
    [
        ("avx512", "avx2", "failed"),
        ("amx", "avx512-vnni", "failed"),
        ("avx2", "avx512", "ok"),
        ("avx2", "avx2", "ok"),
        ("not told", "avx2", "ok"),
        ("amx", "native", "ok"),
    ],
)
def test_a_runtime_that_exceeds_its_ceiling_fails(isa, ceiling, status):
    evidence = Evidence((Kernel("conv", "convolution", "kernel", "float32"),), 1, isa)
    assert judge(evidence, Promise("float32", 1, ceiling), [1]).status == status


def test_the_share_under_a_primitive_counts_the_multiply_adds_that_it_lowered():
    kernels = tuple(Kernel(p, "convolution", p, "float32", primitive=p) for p in ("gemm", "direct"))
    ran = Evidence(kernels, 1, "avx2")
    assert judge(ran, Promise("float32", 1, primitive="gemm"), [30, 10]).primitive_share == 0.75
    assert judge(ran, Promise("float32", 1), [30, 10]).primitive_share == 1
    missing = judge(ran, Promise("float32", 1, primitive="winograd"), [30, 10])
    assert (missing.status, missing.reason) == ("inapplicable", "no operator ran under winograd")
