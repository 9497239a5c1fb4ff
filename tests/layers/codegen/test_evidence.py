"""What is read from the names of kernels."""

import pytest

from dlas.layers.codegen import Evidence, Kernel, precision_named, widest_isa


@pytest.mark.parametrize(
    ("kernel", "precision"),
    [
        ("brgconv_avx2_f32", "float32"),
        ("brgconv_avx512_amx_bf16", "bfloat16"),
        ("brgconv_avx512_vnni_i8", "int8"),
        ("jit_avx2_1x1_U8", "int8"),
        ("ref_any_f64", "unknown"),
        ("undef", "unknown"),
    ],
)
def test_the_precision_is_the_suffix_of_a_kernels_name(kernel, precision):
    assert precision_named(kernel) == precision


@pytest.mark.parametrize(
    ("kernels", "isa"),
    [
        (["brgconv_avx2_f32", "jit_sse42_f32"], "avx2"),
        (["jit_avx2_f32", "brgconv_avx512_f32"], "avx512"),
        (["brgconv_avx512_amx_bf16", "brgconv_avx512_f32"], "amx"),
        (["brgconv_avx512_vnni_i8"], "avx512-vnni"),
        (["jit_avx_f32"], "avx"),
        (["gemm_any_f32"], "not told"),
        ([], "not told"),
    ],
)
def test_the_widest_instruction_set_that_kernels_show_counts(kernels, isa):
    assert widest_isa(kernels) == isa


def test_mixed_precisions_are_all_told_the_most_frequent_first():
    precisions = ["float32", "int8", "int8"]
    kernels = tuple(Kernel(str(i), "convolution", "k", precision) for i, precision in enumerate(precisions))
    assert Evidence(kernels, 1, "avx2").precision == "int8+float32"
    assert Evidence(kernels[:1], 1, "avx2").precision == "float32"
