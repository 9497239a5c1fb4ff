"""What oneDNN prints, read."""

import subprocess
import sys

from dlas.layers.codegen import Kernel, onednn

LINES = """\
onednn_verbose,v1,info,cpu,isa:Intel AVX2
onednn_verbose,v1,primitive,exec,cpu,reorder,jit:blk,undef,src:f32::blocked:ab::f0 dst:f32::blocked:ba::f0,,,16x1,0.003
onednn_verbose,v1,primitive,exec,cpu,convolution,brgconv_1x1:avx512_core,forward_inference,src:f32::blocked:acdb::f0 \
wei:f32:a:blocked:Acdb32a::f0 dst:f32::blocked:acdb::f0,attr-scratchpad:user,alg:convolution_direct,mb1_ic16oc32,0.034
something else
onednn_verbose,v1,primitive,exec,cpu,inner_product,brg_matmul:avx2,forward_inference,src:u8::blocked:ab::f0 \
wei:s8::blocked:ab::f0 dst:f32::blocked:ab::f0,,,mb1ic32oc10,0.007
onednn_verbose,v1,primitive,exec,cpu,matmul,gemm:jit,undef,src:bf16::blocked:ab::f0 wei:f32::blocked:ab::f0,,,1x2,0.1
""".splitlines()


def test_convolutions_and_linear_operators_are_read_with_kernel_and_precision():
    assert list(onednn.kernels(LINES)) == [
        Kernel("convolution#2", "convolution", "brgconv_1x1:avx512_core", "float32"),
        Kernel("inner_product#4", "linear", "brg_matmul:avx2", "int8"),
        Kernel("matmul#5", "linear", "gemm:jit", "unknown"),
    ]


def test_what_compiled_code_prints_is_caught_and_nothing_else():
    code = (
        "import ctypes; from dlas.layers.codegen import onednn; libc = ctypes.CDLL(None); libc.puts(b'before');"
        "lines = onednn.told(lambda: libc.puts(b'during')); libc.puts(b'after');"
        "libc.fflush(None); assert lines == ['during']"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["before", "after"]
