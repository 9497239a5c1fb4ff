"""How kernels that are written out share their work among registers."""

from hypothesis import given
from hypothesis import strategies as st

from dlas.layers.primitive.tvm.buffers import even


@given(total=st.integers(1, 200), most=st.integers(1, 30))
def test_groups_hold_all_once_and_differ_by_one_at_most(total, most):
    found = even(total, most)
    held = [first + at for first, count, size in found for at in range(count * size)]
    assert held == list(range(total))
    sizes = {size for _, _, size in found}
    assert max(sizes) <= most
    assert max(sizes) - min(sizes) <= 1
    assert sum(count for _, count, _ in found) == -(-total // most)
