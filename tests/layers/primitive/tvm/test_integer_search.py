"""Searching the tiles of integer kernels."""

import pytest

pytest.importorskip("tvm")
from integers import integers, quantised

from dlas import host
from dlas.layers.codegen.tvm.tuning.bench import Bench
from dlas.layers.codegen.tvm.tuning.search import TEMPLATE, Search
from dlas.layers.codegen.tvm.tuning.tasks import Source, works
from dlas.layers.primitive.tvm.spatial_pack import SpatialPack
from dlas.records import Records
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Convolution

VNNI = "avx512-vnni"


@pytest.mark.skipif(VNNI not in host.probe().isas, reason="this processor has no VNNI: nothing is searched without")
@pytest.mark.parametrize(("weights", "groups"), [((24, 16, 3, 3), 1), ((16, 1, 3, 3), 16)], ids=["dense", "depthwise"])
def test_other_tiles_are_tried_and_give_the_same_bytes(tmp_path, weights, groups):
    operator = Convolution(integers(*weights), (1, 16, 9, 9), groups=groups)
    source = Source(quantised(operator, operator.image), SpatialPack(), machine(VNNI), "float32")
    found, defaults = works(source, "SpatialPack", "code")
    with Bench(VNNI, tmp_path) as bench:
        Search(source, found, defaults, Records(tmp_path), bench).run(TEMPLATE, 4)
    tried = Records(tmp_path).all()
    assert [record.status for record in tried] == ["ok"] * 4
    assert len({tuple(sorted(record.candidate.items())) for record in tried}) == 4
