"""What is read of governor, siblings and control groups, from folders made by hand."""

import pytest

from dlas import host as hosts
from dlas.measure import surroundings
from dlas.measure.surroundings import Throttling


@pytest.fixture
def host(tmp_path, monkeypatch):
    """Writes files of /sys/fs/cgroup, /sys/devices/system/cpu and /proc/self/cgroup (`membership`)."""

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")

    monkeypatch.setattr(hosts, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(hosts, "MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(surroundings, "CPUS", tmp_path / "cpus")
    (tmp_path / "cgroup").mkdir()
    return write


def test_a_host_that_tells_nothing_has_no_limits(host):
    found = surroundings.read(3)
    assert (found.governor, found.siblings, found.quota, found.memory_limit) == (None, (3,), None, None)
    assert found.throttling == Throttling(0, 0.0)
    assert found.processors >= 1
    assert found.load_per_processor == found.load[0] / found.processors


@pytest.mark.parametrize(
    ("text", "siblings"), [("5", (5,)), ("1,65", (1, 65)), ("2-3", (2, 3)), ("0-1,8-9", (0, 1, 8, 9))]
)
def test_governor_and_siblings_are_those_of_the_processor_measured_on(host, text, siblings):
    host(
        {
            "cpus/cpu5/cpufreq/scaling_governor": "powersave",
            "cpus/cpu5/topology/thread_siblings_list": text,
            "cpus/cpu0/cpufreq/scaling_governor": "performance",
            "cpus/cpu0/topology/thread_siblings_list": "0,4",
        }
    )
    found = surroundings.read(5)
    assert (found.governor, found.siblings) == ("powersave", siblings)


def test_version_2_of_control_groups(host):
    host(
        {
            "membership": "0::/",
            "cgroup/cpu.max": "150000 100000",
            "cgroup/memory.max": "2147483648",
            "cgroup/cpu.stat": "usage_usec 99\nnr_periods 10\nnr_throttled 4\nthrottled_usec 2500000",
        }
    )
    found = surroundings.read(0)
    assert (found.quota, found.memory_limit) == (1.5, 2**31)
    assert found.throttling == Throttling(4, pytest.approx(2.5))


def test_version_1_of_control_groups(host):
    host(
        {
            "membership": "9:memory:/\n4:cpu,cpuacct:/\n0::/elsewhere",
            "cgroup/cpu/cpu.cfs_quota_us": "50000",
            "cgroup/cpu/cpu.cfs_period_us": "100000",
            "cgroup/cpu/cpu.stat": "nr_periods 10\nnr_throttled 4\nthrottled_time 2500000000",
            "cgroup/memory/memory.limit_in_bytes": "1073741824",
        }
    )
    found = surroundings.read(0)
    assert (found.quota, found.memory_limit) == (0.5, 2**30)
    assert found.throttling == Throttling(4, pytest.approx(2.5))


@pytest.mark.parametrize(
    "files",
    [
        {"cgroup/cpu.max": "max 100000", "cgroup/memory.max": "max"},
        {
            "cgroup/cpu/cpu.cfs_quota_us": "-1",
            "cgroup/cpu/cpu.cfs_period_us": "100000",
            "cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
        },
    ],
)
def test_limits_that_are_none(host, files):
    host(files)
    found = surroundings.read(0)
    assert (found.quota, found.memory_limit) == (None, None)


def test_the_tightest_of_the_groups_around_this_process_counts(host):
    host(
        {
            "membership": "0::/slice/job",
            "cgroup/slice/cpu.max": "400000 100000",
            "cgroup/slice/memory.max": "1000",
            "cgroup/slice/cpu.stat": "nr_throttled 9\nthrottled_usec 1000000",
            "cgroup/slice/job/cpu.max": "max 100000",
            "cgroup/slice/job/memory.max": "2000",
            "cgroup/slice/job/cpu.stat": "nr_throttled 0\nthrottled_usec 0",
            "cgroup/other/cpu.max": "100 100000",
        }
    )
    found = surroundings.read(0)
    assert (found.quota, found.memory_limit) == (4.0, 1000)
    assert found.throttling == Throttling(9, 1.0)


def test_a_path_that_only_the_host_has_leaves_the_containers_own_root(host):
    host({"membership": "0::/docker/0123", "cgroup/cpu.max": "100000 100000"})
    assert surroundings.read(0).quota == 1.0
