"""What is read about a host, and what makes two hosts differ."""

import json
import os
from dataclasses import asdict, replace
from types import SimpleNamespace

import psutil
import pytest

from dlas import host
from dlas.host import Host
from dlas.measure import surroundings


def grouped(monkeypatch, folder, files, member):
    """Control groups made of files, and this process in them."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + "\n")
    (folder / "membership").write_text(f"{member}\n0::/job\n")
    monkeypatch.setattr(host, "CGROUPS", folder)
    monkeypatch.setattr(host, "MEMBERSHIP", folder / "membership")


HOST = Host("A CPU", "x86_64", ("avx", "avx2"), ("L1 data 32K",), 4, None, 2**34)


def test_this_host_is_read_once_and_has_cores_memory_and_a_name():
    here = host.probe()
    assert here.cores == len(os.sched_getaffinity(0))
    assert here.memory > 0
    assert here.cpu
    assert 1 <= here.usable_threads <= here.cores
    assert host.probe() is here


def test_only_flags_that_matter_to_kernels_are_kept():
    assert all(flag.startswith(("avx", "fma", "f16c", "amx", "sse4")) for flag in host.probe().flags)


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "max 100000"}, None),
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"job/cpu.max": "150000 100000"}, 1.5),
        ({"cpu.max": "100000 100000", "job/cpu.max": "max 100000"}, 1.0),
        ({"cpu.max": "300000 100000", "job/cpu.max": "200000 100000"}, 2.0),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2.0),
        ({"cpu/job/cpu.cfs_quota_us": "50000", "cpu/job/cpu.cfs_period_us": "100000"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_the_quota_is_that_of_the_tightest_group_in_either_version(tmp_path, monkeypatch, files, quota):
    grouped(monkeypatch, tmp_path, files, "4:cpu,cpuacct:/job")
    assert host.probe.__wrapped__().quota == quota
    assert surroundings.read(0).quota == quota, "one reading for all"


GIB = 2**30


@pytest.mark.parametrize(
    ("files", "left"),
    [
        (  # what caches files can be had back
            {
                "job/memory.max": f"{4 * GIB}",
                "job/memory.current": f"{3 * GIB}",
                "job/memory.stat": f"anon {GIB}\nactive_file {GIB}\ninactive_file {GIB // 2}",
            },
            4 * GIB - 3 * GIB // 2,
        ),
        (  # the group around it leaves less
            {
                "memory.max": f"{2 * GIB}",
                "memory.current": f"{GIB}",
                "job/memory.max": f"{4 * GIB}",
                "job/memory.current": "0",
            },
            GIB,
        ),
        (
            {
                "memory/job/memory.limit_in_bytes": f"{2 * GIB}",
                "memory/job/memory.usage_in_bytes": f"{GIB}",
                "memory/job/memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB // 4}\ntotal_active_file 0",
            },
            5 * GIB // 4,
        ),
        ({"job/memory.max": f"{GIB}", "job/memory.current": f"{2 * GIB}"}, 0),
        ({"job/memory.max": "max", "job/memory.current": f"{2 * GIB}"}, 8 * GIB),
        ({"job/memory.max": f"{16 * GIB}", "job/memory.current": "0"}, 8 * GIB),
        ({}, 8 * GIB),
    ],
)
def test_memory_that_is_left_is_that_of_the_machine_and_of_every_control_group(tmp_path, monkeypatch, files, left):
    grouped(monkeypatch, tmp_path, files, "4:memory:/job")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * GIB))
    assert host.memory_left() == left


def test_intels_graphics_are_its_render_nodes(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "DRI", tmp_path / "dri")
    monkeypatch.setattr(host, "DRM", tmp_path / "drm")
    assert host.probe.__wrapped__().intel_gpus == ()
    for node, vendor, device in (("renderD128", "0x10de", "0x2335"), ("renderD129", "0x8086", "0x56a0")):
        folder = tmp_path / "drm" / node / "device"
        folder.mkdir(parents=True)
        (tmp_path / "dri").mkdir(exist_ok=True)
        (tmp_path / "dri" / node).touch()
        (folder / "vendor").write_text(vendor + "\n")
        (folder / "device").write_text(device + "\n")
    assert host.probe.__wrapped__().intel_gpus == ("intel 0x56a0",)


def test_a_host_sent_as_json_is_the_same_host():
    here = replace(HOST, gpus=("A GPU",), intel_gpus=("intel 0x56a0",), quota=1.5)
    assert host.revive(json.loads(json.dumps(asdict(here)))) == here


@pytest.mark.parametrize(("quota", "threads"), [(None, 4), (8.0, 4), (2.9, 2), (0.5, 1)])
def test_usable_threads_are_the_cores_cut_by_the_quota(quota, threads):
    assert replace(HOST, quota=quota).usable_threads == threads


def test_equal_hosts_have_equal_fingerprints():
    assert replace(HOST).fingerprint == HOST.fingerprint
    assert len(HOST.fingerprint) == 12


@pytest.mark.parametrize(
    "change",
    [
        {"cpu": "B CPU"},
        {"architecture": "aarch64"},
        {"flags": ("avx",)},
        {"caches": ()},
        {"cores": 2},
        {"quota": 1.5},
        {"memory": 2**33},
        {"intel_gpus": ("intel 0x56a0",)},
    ],
)
def test_whatever_differs_makes_another_host(change):
    assert replace(HOST, **change).fingerprint != HOST.fingerprint


@pytest.mark.parametrize(
    ("info", "model"),
    [
        ({"model name": "A CPU 9000", "cpu family": "26", "model": "2"}, "A CPU 9000"),
        ({"model name": "A CPU", "cpu family": "26", "model": "2"}, "A CPU (family 26, model 2)"),
        ({"model name": "A CPU"}, "A CPU"),
    ],
)
def test_a_processor_whose_name_is_hidden_is_told_by_its_numbers(info, model):
    assert host.model_of(info) == model
