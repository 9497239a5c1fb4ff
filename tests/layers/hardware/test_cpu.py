"""How the child on this machine's processor is started."""

import os
from dataclasses import replace

import pytest

from dlas.host import Host, Target
from dlas.layers.hardware.cpu import Cpu
from dlas.stack import Stack

HOST = Host("A CPU", "x86_64", ("avx2",), (), 2, None, 2**34)


def test_code_depends_on_architecture_batch_and_threads():
    assert Cpu(threads=2, batch=8).target(HOST) == Target("x86_64", "native", 8, 2)


@pytest.mark.parametrize(("threads", "clock"), [(1, "cpu"), (2, "wall")])
def test_one_thread_is_timed_by_its_own_clock_and_several_by_the_walls(threads, clock):
    assert Cpu(threads=threads).start(HOST).clock == clock


def test_a_child_is_pinned_to_as_many_processors_as_it_has_threads():
    command = Cpu(threads=1).start(HOST)
    assert len(command.cpus) == command.place.threads == 1
    assert set(command.cpus) <= os.sched_getaffinity(0)


@pytest.mark.parametrize(("threads", "reason"), [(2, None), (3, "3 threads asked for, but this process may use 2")])
def test_more_threads_than_processors_are_refused(threads, reason):
    assert Cpu(threads=threads).needs(Stack(), HOST) == reason


AVX512 = ("avx2", "avx512bw", "avx512dq", "avx512f", "avx512vl", "fma")


@pytest.mark.parametrize(
    ("flags", "isas"),
    [
        ((), ()),
        (("avx2", "fma"), ("avx2",)),
        (AVX512, ("avx2", "avx512")),
        ((*AVX512, "amx_tile", "amx_int8", "amx_bf16"), ("avx2", "avx512")),
        ((*AVX512, "avx512_vnni", "amx_tile", "amx_int8", "amx_bf16"), ("avx2", "avx512", "avx512-vnni", "amx")),
    ],
)
def test_a_processor_has_the_instruction_sets_whose_flags_it_has_without_a_gap(flags, isas):
    assert replace(HOST, flags=flags).isas == isas


def test_a_ceiling_that_the_processor_does_not_reach_is_refused_by_name():
    small = replace(HOST, flags=("avx2", "fma"))
    assert Cpu(isa="avx2").needs(Stack(), small) is None
    assert Cpu(isa="amx").needs(Stack(), small) == "this processor has no amx; it has avx2"
