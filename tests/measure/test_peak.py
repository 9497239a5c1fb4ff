"""How large an array must be for the memory's bandwidth, and not the cache's, to show."""

import pytest

from dlas.measure.peak import array_bytes, last_level_cache

MIB = 2**20


@pytest.mark.parametrize(
    ("caches", "size"),
    [
        (("L1 data 32K", "L2 unified 1M", "L3 unified 32768K"), 32 * MIB),
        (("L1 data 48K", "L2 unified 2048K"), 2 * MIB),
        (("L4 unified 1G", "L3 unified 32768K"), 1024 * MIB),
        (("L1 data ?",), 0),
        ((), 0),
    ],
)
def test_the_last_level_cache_is_the_largest(caches, size):
    assert last_level_cache(caches) == size


@pytest.mark.parametrize(
    ("cache", "memory", "size"),
    [
        (32 * MIB, 64 * 2**30, 128 * MIB),
        (384 * MIB, 64 * 2**30, 1536 * MIB),
        (0, 64 * 2**30, 64 * MIB),
        (384 * MIB, 2**30, 128 * MIB),
        (0, 8 * 1003, 1000),
    ],
)
def test_the_array_is_four_times_the_cache_as_far_as_memory_allows(cache, memory, size):
    assert array_bytes(cache, memory) == size
