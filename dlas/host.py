"""What a host is, as far as a measurement or compiled code depends on it. Every fact is read, none assumed."""

import hashlib
import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_RELEVANT_FLAGS = ("avx", "fma", "f16c", "amx", "sse4")
_INTEL = "0x8086"  # its PCI vendor number
CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
_NO_LIMIT = 2**60  # bytes; version 1 writes the largest multiple of a page below 2**63 for "none"
DRI = Path("/dev/dri")
DRM = Path("/sys/class/drm")


NATIVE = "native"  # no ceiling: whatever the processor has
# Instruction sets that a ceiling may name, each holding those before it, with the flags that a processor needs.
ISAS = {
    "avx2": ("avx2", "fma"),
    "avx512": ("avx512f", "avx512bw", "avx512dq", "avx512vl"),
    "avx512-vnni": ("avx512_vnni",),
    "amx": ("amx_tile", "amx_int8", "amx_bf16"),
}


@dataclass(frozen=True)
class Place:
    """Where an executable is loaded: the device by the runtimes' names, and the threads it may use.

    `address` is that of a device elsewhere, as its code generator understands it.
    """

    device: str
    index: int
    threads: int
    address: str = ""


@dataclass(frozen=True)
class Target:
    """What compiled code depends on; never the CPU model."""

    architecture: str
    isa: str
    batch: int
    threads: int


@dataclass(frozen=True)
class Host:
    """The machine that measures: its CPU model, instruction sets, caches, usable cores and quota (in cores)."""

    cpu: str
    architecture: str
    flags: tuple[str, ...]
    caches: tuple[str, ...]
    cores: int
    quota: float | None
    memory: int
    gpus: tuple[str, ...] = ()
    intel_gpus: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Short hash; figures of hosts with different fingerprints are never paired."""
        facts = asdict(self)
        if not self.intel_gpus:  # so that hosts without one are still those that older journals know
            del facts["intel_gpus"]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def isas(self) -> tuple[str, ...]:
        """The instruction sets of `ISAS` that the processor has, the widest last."""
        held: list[str] = []
        for name, flags in ISAS.items():
            if not set(flags) <= set(self.flags):
                break
            held.append(name)
        return tuple(held)

    @property
    def usable_threads(self) -> int:
        """Threads that can really run at once: the affinity mask, cut by the container's quota."""
        return self.cores if self.quota is None else max(1, min(self.cores, int(self.quota)))


def revive(facts: Mapping[str, Any]) -> Host:
    """The host whose facts were stored or sent as JSON."""
    values: dict[str, Any] = {name: tuple(f) if isinstance(f, list) else f for name, f in facts.items()}
    return Host(**values)


@lru_cache(maxsize=1)
def probe() -> Host:
    """The host that this process runs on."""
    info = _cpuinfo()
    flags = tuple(sorted(f for f in info.get("flags", "").split() if f.startswith(_RELEVANT_FLAGS)))
    return Host(
        cpu=model_of(info),
        architecture=platform.machine(),
        flags=flags,
        caches=_caches(),
        cores=len(os.sched_getaffinity(0)),
        quota=quota(),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30 * 2**30,
        gpus=_gpus(),
        intel_gpus=_intel_gpus(),
    )


def _cpuinfo() -> dict[str, str]:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}


def model_of(info: Mapping[str, str]) -> str:
    """The processor's model; where a virtual machine tells but the maker, its family and model numbers too."""
    name = info.get("model name", platform.processor() or "unknown")
    if any(letter.isdigit() for letter in name) or "cpu family" not in info:
        return name
    return f"{name} (family {info['cpu family']}, model {info.get('model', 'unknown')})"


def _caches() -> tuple[str, ...]:
    folders = sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"))
    return tuple(
        f"L{read_word(f / 'level')} {read_word(f / 'type').lower()} {read_word(f / 'size')}"
        for f in folders
        if (f / "size").exists()
    )


def _gpus() -> tuple[str, ...]:
    """Models of the CUDA devices, as the driver tells them; those it tells nothing of are just there."""
    devices = sorted(Path("/dev").glob("nvidia[0-9]*"))
    told = [read_word(file) for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))]
    models = [line.partition(":")[2].strip() for text in told for line in text.splitlines() if line.startswith("Model")]
    return tuple(models) if len(models) == len(devices) else tuple(device.name for device in devices)


def _intel_gpus() -> tuple[str, ...]:
    """Intel's devices among the render nodes, by their PCI numbers, as the kernel tells them."""
    nodes = sorted(node.name for node in DRI.glob("renderD*"))
    folders = [DRM / node / "device" for node in nodes]
    return tuple(f"intel {read_word(f / 'device')}" for f in folders if read_word(f / "vendor") == _INTEL)


# --- control groups ---------------------------------------------------------------------------------------------------


def quota() -> float | None:
    """Cores that the tightest control group around this process grants it, or None without a limit."""
    return min(filter(None, map(_quota, control_groups("cpu"))), default=None)


def control_groups(controller: str) -> Iterator[Path]:
    """Folders of this process's control group and of those around it, which limit it too; version 2 or 1."""
    root = CGROUPS / controller
    version_1 = root.is_dir()
    root = root if version_1 else CGROUPS
    own = Path("/")
    for line in read_word(MEMBERSHIP).splitlines():
        number, controllers, path = line.split(":", 2)
        if controller in controllers.split(",") if version_1 else number == "0":
            own = Path(path)
    for group in (own, *own.parents):
        # A container may see its path on the host, which its own /sys does not have.
        folder = root / group.relative_to("/")
        if folder.is_dir():
            yield folder


def _quota(folder: Path) -> float | None:
    allowed, _, period = read_word(folder / "cpu.max").partition(" ")
    if not period:
        allowed, period = read_word(folder / "cpu.cfs_quota_us"), read_word(folder / "cpu.cfs_period_us")
    return int(allowed) / int(period) if allowed.isdigit() and period.isdigit() else None


def memory_left() -> int:
    """Bytes that can still be taken: what the machine has available, as far as the control groups leave it.

    What only caches files counts as free, since the kernel drops it when memory is asked for.
    """
    import psutil

    available = int(psutil.virtual_memory().available)
    groups = (left for folder in control_groups("memory") if (left := _memory_left(folder)) is not None)
    return min([available, *groups])


def memory_limit(folder: Path) -> int | None:
    """Bytes that a control group may use; None without a limit."""
    limit = read_word(folder / "memory.max") or read_word(folder / "memory.limit_in_bytes")
    return int(limit) if limit.isdigit() and int(limit) < _NO_LIMIT else None


def _memory_left(folder: Path) -> int | None:
    limit = memory_limit(folder)
    if limit is None:
        return None
    used = read_word(folder / "memory.current") or read_word(folder / "memory.usage_in_bytes")
    counts = dict(line.split() for line in read_word(folder / "memory.stat").splitlines())
    of_files = sum(int(counts.get(f"total_{name}", counts.get(name, 0))) for name in ("inactive_file", "active_file"))
    return max(0, limit - max(0, int(used or 0) - of_files))


def read_word(path: Path) -> str:
    """What a file of /proc or /sys says; empty where there is none, or none for this user."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
