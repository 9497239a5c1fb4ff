"""Sparse primitives against torch, over every shape; what is stored and what is told of them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tvm")
pytest.importorskip("torch")

from single import QUICK, SEVERAL, agree, convolutions, lowered, random

from dlas.layers.codegen.tvm import machinecode, scheduling
from dlas.layers.primitive.tvm import csr_planes, csr_rows
from dlas.layers.primitive.tvm.csr import Csr, CsrDirect, CsrGemm, CsrSpatialPack, multiply
from dlas.layers.primitive.tvm.csr_kernel import tiles
from dlas.tensorir.choices import Picked
from dlas.tensorir.emitter import Emitter
from dlas.tensorir.machine import machine
from dlas.tensorir.operators import Convolution, Linear

ALWAYS = [CsrDirect(threshold=0), CsrGemm(threshold=0), CsrSpatialPack(threshold=0)]


def pruned(weights, share, seed=0):
    keep = np.random.default_rng(seed).random(weights.shape) >= share
    return (weights * keep).astype("float32")


@pytest.mark.parametrize("lowering", ALWAYS, ids=lambda one: one.name)
@settings(QUICK, max_examples=2)
@given(operators=SEVERAL)
def test_sparse_convolutions_of_any_shape_are_torchs(lowering, operators):
    shares = (0.0, 0.5, 0.9, 0.9, 0.9, 1.0)
    drawn = [replace(o, weights=pruned(o.weights, share)) for o, share in zip(operators, shares, strict=True)]
    for operator, became in zip(drawn, agree(drawn, lowering), strict=True):
        if not operator.depthwise:
            assert became.sparse
            assert became.primitive == lowering.name


def by_rows(operator, chosen):
    """Slabs of a single row."""
    return csr_planes.slab(operator, chosen.lanes, 1)


# Image, kernel, strides, padding, dilation: rows and columns that no pixel reaches, phases that are never read.
EDGES = [
    ((1, 1), (3, 3), (1, 1), (5, 4, 6, 7), (1, 1)),
    ((2, 3), (2, 4), (3, 2), (3, 3, 4, 5), (2, 1)),
    ((9, 5), (1, 1), (3, 3), (0, 0, 0, 0), (1, 1)),
    ((4, 17), (3, 1), (2, 1), (0, 2, 5, 0), (3, 1)),
]


@pytest.mark.parametrize("layout", [csr_planes.whole, by_rows, csr_planes.patches], ids=lambda one: one.__name__)
def test_planes_are_filled_whatever_of_them_lies_outside_the_image(layout):
    operators = [
        Convolution(pruned(random(0, (4, 3, *kernel)), 0.5), (2, 3, *side), strides, padding, dilation)
        for side, kernel, strides, padding, dilation in EDGES
    ]
    assert all(became.sparse for became in agree(operators, Csr("csr", layout, threshold=0)))


@pytest.mark.parametrize(("side", "pooled"), [(56, False), (112, True)])
def test_sums_of_a_channel_are_on_the_stack_where_they_are_few(side, pooled):
    read_as_it_lies = Convolution(pruned(random(0, (4, 4, 3, 3)), 0.5), (1, 4, side, side))
    module = lowered([read_as_it_lies], CsrDirect(threshold=0)).module
    kernels = scheduling.kernels(module, machine("avx2"), "default")
    assembly = machinecode.assembly(machinecode.compiled(kernels, machine("avx2")))
    assert ("AllocWorkspace@" in assembly) == pooled


@pytest.mark.parametrize("lowering", ALWAYS, ids=lambda one: one.name)
def test_sparse_linear_operators_are_torchs(lowering):
    operators = [Linear(pruned(random(0, (37, 10)), 0.8), rows) for rows in (1, 11)]
    assert all(became.sparse for became in agree(operators, lowering))


def test_empty_rows_and_single_entries_are_kept_as_they_are():
    weights = np.zeros((5, 4, 3, 3), "float32")
    weights[2, 3, 0, 2] = 1.5
    weights[4, 0, 1, 1] = -2
    operator = Convolution(weights, (1, 4, 9, 7), padding=(1, 1, 1, 1))
    rows = csr_rows.compressed(operator, csr_planes.whole(operator, machine("avx2")))
    assert rows.values.tolist() == [1.5, -2]
    assert rows.pointers.tolist() == [0, 0, 0, 1, 1, 2]
    nothing = Convolution(np.zeros((3, 4, 3, 3), "float32"), (1, 4, 6, 6))
    agree([operator, nothing], CsrDirect(threshold=0.65))


def test_an_operator_below_the_threshold_stays_dense():
    operator = Convolution(pruned(random(0, (16, 16, 3, 3)), 0.5), (1, 16, 8, 8), padding=(1, 1, 1, 1))
    (became,) = agree([operator], CsrDirect(threshold=0.65))
    assert not became.sparse
    assert became.primitive == "spatial-pack"


@settings(QUICK, max_examples=1)
@given(operators=st.lists(convolutions(depthwise=True), min_size=6, max_size=6))
def test_depthwise_convolutions_on_planes_are_torchs_and_are_called_dense(operators):
    planned = _Fixed(replace(CsrDirect(threshold=0), planar=True))
    for operator, became in zip(operators, agree(operators, planned), strict=True):
        if operator.depthwise:
            assert not became.sparse
            assert became.primitive == "direct"


class _Fixed:
    """A lowering that does not plan."""

    def __init__(self, lowering):
        self.convolution = lowering.convolution
        self.linear = lowering.linear


LAYOUTS = (csr_planes.whole, csr_planes.slabs, csr_planes.patches)


@given(
    operator=convolutions(),
    layout=st.sampled_from(LAYOUTS),
    isa=st.sampled_from(["neon", "avx2", "avx512"]),
    data=st.data(),
)
def test_tiles_cover_every_output_once_or_more_and_nothing_outside_its_planes(operator, layout, isa, data):
    chosen = machine(isa)
    default = layout(operator, chosen)
    offered = csr_planes.variants(operator, default, layout, chosen.registers)
    others = (csr_planes.picked(operator, default, candidate) for candidate in offered)
    planes = data.draw(st.sampled_from([default, *others]))
    covered = set()
    for group in tiles(planes, chosen.registers):
        for tile in range(group.count):
            starts = [group.first + (tile * group.vectors + k) * planes.vector for k in range(group.vectors)]
            starts[-1] = group.last if group.last >= 0 else starts[-1]
            covered.update(at + lane for at in starts for lane in range(planes.vector))
    assert set(range(planes.positions)) <= covered
    furthest = max(covered) + max(planes.offset(0, place) for place in range(len(planes.shifts)))
    assert furthest < planes.size * len(planes.views) * planes.channels


def stores(operator, layout, candidate, isa):
    """Of the kernel's buffer of sums: its size, and the places just behind the vectors that are written to it."""
    import tvm_ffi
    from tvm import relax, tirx

    emitter = Emitter(relax.BlockBuilder(), machine(isa), "default", choices=Picked({0: candidate}))
    image = relax.Var("image", relax.TensorType(operator.image, "float32"))
    with emitter.builder.function("main", [image]):
        emitter.builder.emit_func_output(multiply(emitter, operator, image, layout)[0])
    (kernel,) = (f for f in emitter.builder.get().functions.values() if isinstance(f, tirx.PrimFunc))
    found = []

    def note(store):
        if store.buffer.scope() == "local" and len(store.indices) == 1:  # the others are of what goes to the output
            (at,) = store.indices
            base, lanes = (at.base, at.lanes) if isinstance(at, tirx.Ramp) else (at, 1)
            found.append((int(store.buffer.shape[0]), int(base) + int(lanes)))
        return store

    tvm_ffi.structural_map(kernel.body, (tirx.BufferStore, note))
    return {size for size, _ in found}, {end for _, end in found}


def checked(operator, layout, candidate, isa):
    (size,), ends = stores(operator, layout, candidate, isa)
    assert max(ends) <= size


@pytest.mark.parametrize(("isa", "side", "most"), [("avx2", 8, 3), ("avx2", 16, 5), ("avx512", 8, 3)])
def test_tiles_of_different_sizes_share_accumulators_that_hold_the_sums_of_either(isa, side, most):
    operator = Convolution(pruned(random(0, (4, 4, 3, 3)), 0.5), (1, 4, side, side), padding=(1, 1, 1, 1))
    checked(operator, csr_planes.slabs, {"height": side, "most": most}, isa)


@settings(QUICK, max_examples=30)
@given(operator=convolutions(), isa=st.sampled_from(["avx2", "avx512"]), data=st.data())
def test_whatever_a_search_picks_writes_within_its_accumulators(operator, isa, data):
    chosen = machine(isa)
    layout = data.draw(st.sampled_from(LAYOUTS))
    planes = layout(operator, chosen)
    offered = csr_planes.variants(operator, planes, layout, chosen.registers)
    checked(operator, layout, data.draw(st.sampled_from([{"height": planes.height, "most": 0}, *offered])), isa)
