"""torchvision beside any torch: in a fresh process, since an import happens once."""

import subprocess
import sys

import pytest

pytest.importorskip("torch")

USE = """
from dlas import vision
v2 = vision.load("torchvision.transforms.v2")
models = vision.load("torchvision.models")
assert vision.load().models is models
import torch
assert v2.CenterCrop(2)(torch.zeros(3, 4, 6)).shape == (3, 2, 2)
assert models.mobilenet_v2(num_classes=7).eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 7)
"""
UNLOADABLE = "import torch\ntorch.ops.load_library = lambda path: (_ for _ in ()).throw(OSError('undefined symbol'))\n"


@pytest.mark.parametrize("before", ["", UNLOADABLE], ids=["as it is here", "operators do not load"])
def test_torchvision_is_usable_whether_or_not_its_operators_load(before):
    subprocess.run([sys.executable, "-W", "error", "-c", before + USE], check=True)
