"""`dlas doctor`: what the host is, how well it measures, what to change."""

import itertools
import json
import math
from typing import Any

from dlas.cli import progress
from dlas.errors import OptionError
from dlas.measure.advice import advise
from dlas.measure.diagnosis import QUICK, THOROUGH, Diagnosis, Effort, diagnose
from dlas.measure.runtimes import Runtime
from dlas.measure.statistics import Interval
from dlas.study.progress import Progress

FORMATS = ("text", "json")


def show(format_: str, quick: bool, quiet: bool) -> None:
    """Diagnose this host and print what was found."""
    if format_ not in FORMATS:
        raise OptionError(f"--format {format_} is unknown; choose one of {', '.join(FORMATS)}")
    found = _diagnose(QUICK if quick else THOROUGH, quiet)
    print(json.dumps(flat(found), indent=1) if format_ == "json" else text(found))


def _diagnose(effort: Effort, quiet: bool) -> Diagnosis:
    stage = itertools.count()
    with progress.shown(quiet) as listen:
        return diagnose(effort, lambda what: listen(Progress("measure", next(stage), effort.stages, what)))


def text(found: Diagnosis) -> str:
    """The facts, a line each, then the advice."""
    facts = {**_host(found), **_around(found), **_measured(found)}
    width = max(map(len, facts))
    lines = [f"{name:<{width}}  {fact}" for name, fact in facts.items()]
    return "\n".join([*lines, "", "advice", *(f"  {sentence}" for sentence in advise(found))])


def _host(found: Diagnosis) -> dict[str, str]:
    host, around = found.host, found.surroundings
    others = [str(cpu) for cpu in around.siblings if cpu != found.cpu]
    return {
        "processor": f"{host.cpu} ({host.architecture}), {host.cores} of {around.processors} processors usable",
        "instructions": ", ".join(host.isas) or "below avx2",
        "caches": ", ".join(host.caches) or "not told by this host",
        "core siblings": f"{found.cpu}, the one measured on, shares its core with {', '.join(others) or 'none'}",
        "governor": around.governor or "not told by this host",
    }


def _around(found: Diagnosis) -> dict[str, str]:
    around = found.surroundings
    quota = "no processor quota" if around.quota is None else f"at most {around.quota:g} cores"
    memory = "no memory limit" if around.memory_limit is None else f"at most {around.memory_limit / 2**30:.1f} GiB"
    loads = ", ".join(f"{load:.2f}" for load in around.load)
    return {
        "container": f"{quota}, {memory}",
        "throttled": f"{around.throttling.times} times, {around.throttling.seconds:.1f} s since the container began; "
        f"{found.throttled} times meanwhile",
        "priority": "the highest while measuring" if around.outranks else "as all others: this user may not raise it",
        "load": f"{loads} over 1, 5, 15 min; {around.load_per_processor:.2f} a processor before this run",
        "threads": "asked for 1: " + ", ".join(map(_threads, found.runtimes)),
    }


def _threads(runtime: Runtime) -> str:
    if runtime.version is None:
        return f"{runtime.name} not installed"
    return f"{runtime.name} {runtime.version} {'not told' if runtime.threads is None else runtime.threads}"


def _measured(found: Diagnosis) -> dict[str, str]:
    noise, peak = found.noise, found.peak
    return {
        "noise floor": f"±{100 * noise.floor:.2g}%; a kernel takes {_ratio(noise.ratio)} times as long as itself "
        f"({noise.processes} fresh processes, {noise.seconds:g} s a cell, 95 %)",
        "undisturbed": f"{noise.clean:.0%} of {noise.repetitions} repetitions, without an involuntary context switch",
        "kernel drift": f"{noise.drift:.1%} between the slowest and the fastest third of a process",
        "arithmetic": f"{peak.gflops:.3g} GFLOP/s float32, one thread ({peak.blas}, best of many)",
        "memory": f"{peak.bandwidth:.3g} GB/s read + written, one thread (copy of {peak.array / 2**20:.0f} MiB; "
        "a write's own fetch is not counted)",
    }


def _ratio(ratio: Interval) -> str:
    """With as many decimals as the first digit of the half-interval needs."""
    half = (ratio.high - ratio.low) / 2
    decimals = max(1, -math.floor(math.log10(half))) if half > 0 else 4
    return f"{ratio.value:.{decimals}f} [{ratio.low:.{decimals}f}, {ratio.high:.{decimals}f}]"


def flat(found: Diagnosis) -> dict[str, Any]:
    """One level of keys, the unit in the name where there is one."""
    host, around, noise, peak = found.host, found.surroundings, found.noise, found.peak
    return {
        "cpu": host.cpu,
        "architecture": host.architecture,
        "isas": list(host.isas),
        "caches": list(host.caches),
        "cores_usable": host.cores,
        "processors": around.processors,
        "host_fingerprint": host.fingerprint,
        "measured_on_processor": found.cpu,
        "core_siblings": list(around.siblings),
        "governor": around.governor,
        "quota_cores": around.quota,
        "memory_limit_bytes": around.memory_limit,
        "throttled_times": around.throttling.times,
        "throttled_seconds": around.throttling.seconds,
        "throttled_times_meanwhile": found.throttled,
        "highest_priority": around.outranks,
        **{f"load_{minutes}min": load for minutes, load in zip((1, 5, 15), around.load, strict=True)},
        **{f"version_{runtime.name}": runtime.version for runtime in found.runtimes},
        **{f"threads_{runtime.name}": runtime.threads for runtime in found.runtimes},
        "noise_floor": noise.floor,
        "aa_ratio": noise.ratio.value,
        "aa_ratio_low": noise.ratio.low,
        "aa_ratio_high": noise.ratio.high,
        "aa_processes": noise.processes,
        "aa_seconds": noise.seconds,
        "repetitions": noise.repetitions,
        "clean_share": noise.clean,
        "kernel_drift": noise.drift,
        "float32_gflops": peak.gflops,
        "blas": peak.blas,
        "bandwidth_gbytes_per_second": peak.bandwidth,
        "bandwidth_array_bytes": peak.array,
        "advice": advise(found),
    }
