"""Every network under every technique, for images of 32x32 and of 64x64: built, exported, run, rebuilt."""

import numpy as np
import pytest
from drawn import FAMILIES

from dlas import data, network
from dlas.errors import Inapplicable

TECHNIQUES = ["weight-prune@0.5", "block-prune@0.5", "channel-prune@0.5", "ternary", "fp16", "bf16"]
INT8 = "int8@calibration=64"  # the random data have no more


@pytest.mark.slow
@pytest.mark.hours
@pytest.mark.parametrize("model", FAMILIES)
def test_every_technique_exports_what_it_made(coloured, model):
    import torch

    before = coloured.network(model, trained=False)
    images = data.load(coloured.source, "test")[0][:3]
    for technique in [*TECHNIQUES, INT8]:
        if "vit" in model and technique.startswith("channel-prune"):
            with pytest.raises(Inapplicable):
                coloured.compressed(before, technique)
            continue
        made = coloured.compressed(before, technique)
        found = network.run(made.file(network.ONNX), images)
        assert np.isfinite(found).all(), technique
        if made.facts["module"]:
            with torch.inference_mode():
                expected = network.rebuild(made)(torch.from_numpy(images)).numpy()
            assert np.abs(found - expected).max() <= 1e-4 * max(1.0, np.abs(expected).max()), technique
        else:
            assert technique == INT8
