"""torchvision beside any torch: in a fresh process, since an import happens once."""

import subprocess
import sys

import pytest

pytest.importorskip("torch")

TRANSFORMS = """
from dlas import vision
v2 = vision.load("torchvision.transforms.v2")
import torch
assert v2.CenterCrop(2)(torch.zeros(3, 4, 6)).shape == (3, 2, 2)
"""
MODELS = """
from dlas import vision
models = vision.load("torchvision.models")
assert vision.load().models is models
import torch
assert models.mobilenet_v2(num_classes=7).eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 7)
"""
UNLOADABLE = "import torch\ntorch.ops.load_library = lambda path: (_ for _ in ()).throw(OSError('undefined symbol'))\n"


@pytest.mark.parametrize("before", ["", UNLOADABLE], ids=["as it is here", "operators do not load"])
@pytest.mark.parametrize("use", [TRANSFORMS, MODELS], ids=["transforms", "models"])
def test_torchvision_is_usable_whether_or_not_its_operators_load(before, use):
    subprocess.run([sys.executable, "-W", "error", "-c", before + use], check=True)
