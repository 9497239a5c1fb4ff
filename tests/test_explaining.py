"""`dlas explain` on a real network: the runtimes' own profilers, from the store, in child processes."""

import pytest

from dlas import Stack, api
from dlas.analysis.explain.telling import lines
from dlas.errors import DlasError

PRUNED = "weight-prune@0.9,finetune=0"


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    """Two compressions on two code generators of an untrained network: building takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("explaining")
        patch.setenv("DLAS_STORE", str(folder / "store"))
        out = folder / "cube.nc"
        api.perturb(
            Stack(model="resnet8@weights=random"),
            out=out,
            budget="0.05s",
            compression=["none", PRUNED],
            codegen=["openvino", "onnxruntime", "torch"],
        )
        yield out


@pytest.mark.slow
@pytest.mark.parametrize("codegen", ["openvino", "onnxruntime", "torch"])
def test_pruned_weights_run_dense_and_the_report_says_so(cube, codegen):
    found = api.explain(cube, {"compression": PRUNED, "codegen": codegen}, {"codegen": codegen}, windows=3)
    assert any("90 % of the weights are zero, but 10 of 10 kernels ran dense" in said for said in found.sentences)
    operators = [row for row in found.rows if row.before and row.before.operator]
    assert len(operators) == 10
    for side, profile in (("before", found.before), ("after", found.after)):
        parts = [getattr(row, side) for row in found.rows]
        assert sum(part.seconds for part in parts if part) == pytest.approx(profile.whole)
        seconds = [getattr(row, side).seconds for row in operators if row.kind == "convolution"]
        assert all(0 <= found < profile.profiled for found in seconds)  # a runtime counts whole microseconds
    assert lines(found)[-1].startswith("whole")


@pytest.mark.slow
def test_what_cannot_be_explained_is_told_in_a_sentence(cube):
    with pytest.raises(DlasError, match="both stacks are the same; name at least one layer=option that differs"):
        api.explain(cube, {})
    with pytest.raises(DlasError, match=r"lacks compression weight-prune@0.5, codegen openvino; it was pruned, or"):
        api.explain(cube, {"compression": "weight-prune@0.5"})
