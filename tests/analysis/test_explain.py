from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import US, operator, profile, step

from dlas.analysis.explain import explain
from dlas.analysis.explain.matching import assigned, paired
from dlas.analysis.explain.rows import OUTSIDE, family, rows
from dlas.analysis.explain.telling import lines, record

NAMES = ("a", "b", "c")


def baseline(**more):
    return profile("baseline", [step(name, 100) for name in NAMES], [operator(name) for name in NAMES], **more)


def said(before, after, word):
    return [sentence for sentence in explain(before, after).sentences if word in sentence]


# --- matching


def test_kernels_are_found_by_the_names_they_keep():
    steps = [step("second", 1, covers=("second/WithoutBiases", "second", "relu")), step("first", 1)]
    found = assigned(profile("p", steps, [operator("first"), operator("second")]))
    assert {i: one.name for i, one in found.items()} == {0: "second", 1: "first"}


def test_nameless_kernels_are_found_by_the_shape_of_their_weights():
    steps = [step("x", 1, covers=(), weights=(32, 16, 1, 1)), step("y", 1, covers=(), weights=(32, 16, 3, 3))]
    operators = [operator("body", 32), operator("shortcut", 32, side=1)]
    assert [assigned(profile("p", steps, operators))[i].name for i in (0, 1)] == ["shortcut", "body"]


def test_packed_weights_have_their_size_left():
    steps = [step("x", 1, covers=(), weights=(4, 16, 1, 1, 8)), step("y", 1, covers=(), weights=(4, 16, 3, 3, 8))]
    operators = [operator("body", 32), operator("shortcut", 32, side=1)]
    assert [assigned(profile("p", steps, operators))[i].name for i in (0, 1)] == ["shortcut", "body"]


def test_other_kernels_are_matched_in_order_only_where_they_are_as_many():
    operators = [operator("a"), operator("b")]
    both = profile("p", [step("x", 1, covers=()), step("y", 1, covers=())], operators)
    assert [one.name for one in assigned(both).values()] == ["a", "b"]
    assert assigned(profile("p", [step("x", 1, covers=())], operators)) == {}


def test_operators_of_two_networks_pair_by_name_and_else_in_order():
    first, other = [operator("a"), operator("b")], [operator("a"), operator("z")]
    assert [(one.name, two.name) for one, two in paired(first, other)] == [("a", "a"), ("b", "z")]
    alone = paired(first, [operator("a")])
    assert [(one and one.name, two and two.name) for one, two in alone] == [("a", "a"), ("b", None)]


@given(st.lists(st.floats(0.1, 1e4), min_size=3, max_size=3), st.floats(0, 100), st.floats(0.1, 2e4))
def test_the_parts_of_each_side_add_up_to_its_whole(taken, more, whole):
    steps = [step(name, time) for name, time in zip(NAMES, taken, strict=True)]
    other = profile("other", [*steps, step("Reorder", more, kind="Reorder", covers=())], map(operator, NAMES), whole)
    for side, one in (("before", baseline()), ("after", other)):
        parts = [getattr(row, side) for row in rows(baseline(), other)]
        assert sum(part.seconds for part in parts if part) == pytest.approx(one.whole)


def test_an_operator_without_its_kernel_is_no_row_of_nought_seconds():
    other = profile("other", [step("a", 100), step("b", 100), step("Reorder", 9, kind="Reorder", covers=())], [])
    names = [row.name for row in rows(baseline(), other)]
    assert names == ["a", "b", "c", "other kernels", "layout", OUTSIDE]
    assert rows(baseline(), other)[2].after is None


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("ReorderOutput", "layout"),
        ("FakeQuantize", "quantising"),
        ("Eltwise", "element-wise"),
        ("Softmax", "other kernels"),
    ],
)
def test_kernels_that_are_no_operators_go_by_families(kind, name):
    assert family(kind) == name


# --- words


def test_what_changed_and_what_did_not():
    steps = [step("a", 20), step("b", 100), step("c", 101)]
    found = explain(baseline(), profile("other", steps, [operator(name) for name in NAMES])).sentences
    assert found[0] == "other takes 221 µs, baseline 300 µs (cpu time): 1.36× the speed, 79 µs ±277 ns faster."
    assert found[1] == "What changed most: 1 convolution −80 µs."
    assert found[2] == (
        "200 µs of the 300 µs did not change: 2 convolutions (200 µs, the same kernels for the same operations)."
    )
    assert found[-1] == "The profiler itself slowed baseline by 10 % and other by 10 %."


def test_a_profiler_that_slows_nothing_is_told_so():
    found = explain(baseline(), baseline(profiled=250e-6)).sentences
    assert found[-1] == "The profiler itself slowed baseline by 10 % and baseline not measurably."


def test_a_difference_within_noise_is_none():
    found = explain(baseline(error=20), baseline(error=20)).sentences
    assert found[0] == "baseline takes 300 µs, baseline 300 µs (cpu time): no difference beyond noise (±55.4 µs)."


def test_zeros_that_are_multiplied():
    steps = [step(name, 100) for name in NAMES]
    pruned = profile("pruned", steps, [operator(name, zeros=0.9) for name in NAMES])
    assert said(baseline(), pruned, "zero") == [
        "90 % of the weights are zero, but 3 of 3 kernels ran dense (most as brgconv_avx2_f32): zeros are multiplied "
        "like all others, 300 µs of 300 µs."
    ]
    assert not said(pruned, pruned, "zero")


def test_zeros_that_are_skipped():
    steps = [step(name, 20, kernel="csr", sparse=True) for name in NAMES]
    pruned = profile("pruned", steps, [operator(name, zeros=0.9) for name in NAMES])
    assert said(baseline(), pruned, "zero") == [
        "90 % of the weights are zero, and 3 kernels ran sparse: zeros are skipped."
    ]


def test_zeros_of_which_no_kernel_is_known_are_passed_over():
    steps = [step("fused", 100, covers=())]
    pruned = profile("pruned", steps, [operator(name, zeros=0.9) for name in NAMES])
    assert not said(baseline(), pruned, "zero")


def test_operators_that_an_int8_network_leaves_in_floating_point():
    integer = {"kernel": "brgconv_avx2_i8", "precision": "int8"}
    steps = [step("a", 40, **integer), step("b", 40, **integer), step("c", 100)]
    steps += [step("Quantize", 20, kind="FakeQuantize", kernel="jit_avx2_f32", covers=())] * 2
    steps += [step("Swish", 30, kind="Eltwise", kernel="jit_avx2_f32", covers=())]
    int8 = profile("compression=int8", steps, [operator(name) for name in NAMES], precision="int8")
    found = explain(baseline(), int8).sentences
    assert "1 of 3 convolutions ran in floating point though the network is int8: 40 % of the time." in found
    assert "Re-quantising and converting takes 40 µs in 2 kernels, 16 % of the time, 40 µs more than before." in found


def test_what_is_not_fused_any_more():
    steps = [step(name, 100, covers=(name, f"{name}/bias", f"node_silu_{i}")) for i, name in enumerate(NAMES)]
    fused = profile("baseline", steps, map(operator, NAMES))
    steps = [step(name, 40, kernel="jit_avx2_I8", precision="int8") for name in NAMES]
    own = {"kind": "Subgraph", "kernel": "jit_avx2_f32"}
    steps += [step(f"s{i}", 10, **own, covers=("quantise", f"node_silu_{i}")) for i in range(3)]
    found = explain(fused, profile("compression=int8", steps, map(operator, NAMES), precision="int8")).sentences
    assert (
        "3 kernels of 30 µs (20 % of the time) do what was fused into operators before: 3 silu (as 3 jit_avx2_f32)."
    ) in found
    assert (
        "All 3 convolutions ran in integers, but on avx2, which has no dot product of bytes (VNNI): little to gain."
    ) in found


def test_channels_that_do_not_fill_vectors():
    narrow = profile(
        "narrow",
        [step("a", 120, kernel="jit_gemm_f32"), step("b", 100), step("c", 100)],
        [operator("a", outputs=13, macs=80_000), operator("b"), operator("c")],
    )
    assert said(baseline(), narrow, "vector") == [
        "1 convolution has channels (13) that are not a multiple of 8, the vector width: 20 % fewer operations, "
        "20 % more time, at 1.33 GFLOP/s instead of 2 (the longest: a, brgconv_avx2_f32 → jit_gemm_f32)."
    ]


def test_threads_that_wait_for_each_other():
    small = [operator(name) for name in NAMES]
    one = profile("baseline", [step(name, 12) for name in NAMES], small)
    two = profile("cpu@threads=2", [step(name, 11) for name in NAMES], small, threads=2)
    assert said(one, two, "threads instead") == [
        "2 threads instead of 1, 1.09× the speed: the network takes 36 µs, and 3 of 3 operators take less than 20 µs "
        "each (12 µs on average): dealing out the work and waiting for the other threads costs about as much as "
        "it saves."
    ]
    fast = profile("cpu@threads=2", [step(name, 6) for name in NAMES], small, threads=2)
    assert not said(one, fast, "dealing out")


def test_other_kernels_are_named():
    steps = [step("a", 100, kernel="ref_any_f32"), step("b", 100), step("c", 100)]
    other = profile("other", steps, [operator(name) for name in NAMES])
    assert said(baseline(), other, "instead of") == ["1 operator ran as ref_any_f32 instead of brgconv_avx2_f32."]


@pytest.mark.parametrize(
    ("whole", "sentence"),
    [
        (400, "100 µs of other (25 %) lie outside its kernels: calls, memory, and what the profiler rounds away."),
        (200, "Under the profiler the kernels of other took 50 % more than it takes without."),
    ],
)
def test_what_no_kernel_accounts_for_is_told(whole, sentence):
    other = profile("other", [step(name, 100) for name in NAMES], [operator(name) for name in NAMES], whole)
    assert sentence in explain(baseline(), other).sentences


# --- as text, Markdown and JSON


def found():
    steps = [step("a", 20, covers=("a", "relu")), step("b", 100), step("c", 101)]
    return explain(baseline(), profile("other", steps, [operator(name) for name in NAMES]))


def test_the_table_aligns_and_ends_with_the_whole():
    table = lines(found())[lines(found()).index("") + 1 :]
    assert table[1].split() == [
        *("a", "convolution", "100", "µs", "20", "µs", "−80", "µs"),
        *("brgconv_avx2_f32", "brgconv_avx2_f32", "+1", "15"),
    ]
    assert table[-1].split() == ["whole", "300", "µs", "221", "µs", "−79", "µs"]


def test_markdown_has_as_many_cells_in_each_line():
    table = [line for line in lines(found(), markdown=True) if line.startswith("|")]
    assert all(one.count("|") == two.count("|") for one, two in pairwise(table))


def test_the_record_holds_seconds():
    row = record(found())["rows"][0]
    assert row["after"]["seconds"] == pytest.approx(20 * US)
    assert row["after"]["fused"] == ["relu"]
    assert row["after"]["intensity"] == pytest.approx(200_000 / (4 * 2304 + 4096))
