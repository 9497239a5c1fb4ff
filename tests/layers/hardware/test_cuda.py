"""A CUDA device, by a fake probe where there is none."""

from dataclasses import replace

import pytest

from dlas.host import Host, Target
from dlas.layers.hardware.cuda import Cuda
from dlas.stack import Stack

HOST = Host("A CPU", "x86_64", ("avx2",), (), 2, None, 2**34)


def test_without_a_device_it_is_inapplicable_and_says_so():
    assert Cuda().needs(Stack(), HOST) == "no such device on this host: it has no CUDA devices"


def test_an_index_beyond_the_devices_is_inapplicable():
    one = replace(HOST, gpus=("A GPU",))
    assert Cuda(index=0).needs(Stack(), one) is None
    assert Cuda(index=1).needs(Stack(), one) == "no such device on this host: it has 1 CUDA devices"


def test_it_is_timed_by_the_wall_in_one_thread():
    command = Cuda(index=1).start(HOST)
    assert command.clock == "wall"
    assert (command.place.device, command.place.index, command.place.threads) == ("cuda", 1, 1)
    assert Cuda(batch=4).target(HOST) == Target("x86_64", "native", 4, 1)


@pytest.mark.parametrize("codegen", ["openvino", "onnxruntime"])
def test_code_generators_without_it_say_so(codegen):
    from dlas.realise import obstacle

    one = replace(HOST, gpus=("A GPU",))
    assert obstacle(Stack(codegen=codegen, hardware="cuda"), one) == f"{codegen} does not run on cuda"
