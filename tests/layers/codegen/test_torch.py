"""PyTorch: the arithmetic that it is asked for, and what it tells of it."""

import numpy as np
import pytest

from dlas.host import Place

torch = pytest.importorskip("torch")

from dlas.errors import BuildFailed  # noqa: E402
from dlas.layers.codegen.torch import _check_layout, _Runner, precision_of  # noqa: E402


@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_every_operator_tells_the_precision_of_the_tensors_that_it_was_given(request, precision):
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(16, 2)).eval()
    image = np.ones((1, 1, 4, 4), np.float32)
    expected = module(torch.from_numpy(image)).detach().numpy()
    runner = _Runner(module, Place("cpu", 0, 1), precision)
    request.addfinalizer(lambda: runner._mode.__exit__(None, None, None))  # a child of its own would not need it
    runner.feed(image)
    runner.infer()
    assert runner.evidence().precision == precision
    assert len(runner.evidence().kernels) == 2
    assert runner.output().dtype == np.float32
    limit = {"float32": 1e-6, "float16": 1e-2, "bfloat16": 5e-2}[precision]
    assert np.abs(runner.output() - expected).max() <= limit


def test_an_operator_with_tensors_of_two_precisions_computes_in_neither():
    assert precision_of(["float", "float", "ScalarList"]) == "float32"
    assert precision_of(["c10::Half", "float"]) == "unknown"
    assert precision_of([]) == "unknown"


def test_convolutions_that_are_given_other_layouts_are_told():
    module = torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3), torch.nn.Conv2d(4, 4, 3)).eval()
    plain = torch.ones(1, 2, 6, 6)
    _check_layout(module, lambda: module(plain.contiguous(memory_format=torch.channels_last)))
    with pytest.raises(BuildFailed, match="none of 2 convolutions was given such images"):
        _check_layout(module, lambda: module(plain))
    _check_layout(torch.nn.ReLU(), lambda: None)
