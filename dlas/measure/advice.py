"""What to change on a host so that it measures better: facts to sentences, nothing read and nothing measured."""

from dlas.measure.diagnosis import Diagnosis
from dlas.measure.noise import Noise
from dlas.measure.runtimes import Runtime
from dlas.measure.samples import CLEAN_SHARE
from dlas.measure.surroundings import Surroundings

NOTHING = "nothing to change"

LOAD = 1.0  # for each processor
FLOOR = 0.02  # the margin that a study asks for by default
DRIFT = 0.05
_RESTLESS = ("powersave", "ondemand", "conservative", "schedutil")  # these let the clock follow the load


def advise(found: Diagnosis) -> list[str]:
    """Sentences, each with the fact that it rests on; `NOTHING` alone where there is none."""
    around = found.surroundings
    sentences = [
        _governor(around),
        _load(around),
        _quota(around, found.host.cores),
        _throttled(around, found.throttled),
        *(_threads(runtime) for runtime in found.runtimes),
        _clean(found.noise, around.outranks),
        _floor(found.noise),
        _drift(found.noise, around.governor),
    ]
    return [sentence for sentence in sentences if sentence] or [NOTHING]


def _governor(around: Surroundings) -> str:
    if around.governor not in _RESTLESS:
        return ""
    return (
        f"the governor is {around.governor}, so the clock follows the load: "
        "set it to performance (sudo cpupower frequency-set -g performance)"
    )


def _load(around: Surroundings) -> str:
    if around.load_per_processor <= LOAD:
        return ""
    return (
        f"the load was {around.load[0]:.1f} on {around.processors} processors in the last minute: "
        "end other programs, or measure when they are done"
    )


def _quota(around: Surroundings, cores: int) -> str:
    if around.quota is None or around.quota >= cores:
        return ""
    return (
        f"the container sees {cores} cores but may use {around.quota:g}, and is stopped when it takes more: "
        "raise its quota (docker run --cpus), or give it whole processors (--cpuset-cpus)"
    )


def _throttled(around: Surroundings, meanwhile: int) -> str:
    counted = around.throttling
    if not counted.times + meanwhile:
        return ""
    return (
        f"the container's quota stopped it {counted.times} times ({counted.seconds:.1f} s) since it began and "
        f"{meanwhile} times during this run: raise the quota, or run less beside the measurement"
    )


def _threads(runtime: Runtime) -> str:
    if runtime.problem:
        return f"{runtime.name} {runtime.version} could not be asked for its threads ({runtime.problem}): reinstall it"
    if runtime.threads in (None, 1):
        return ""
    return (
        f"{runtime.name} {runtime.version} uses {runtime.threads} threads when asked for 1: "
        "look for a setting of its own in the environment"
    )


def _clean(noise: Noise, outranks: bool) -> str:
    if noise.clean >= CLEAN_SHARE:
        return ""
    remedy = "" if outranks else ", or let dlas come before them (as root; docker run --cap-add SYS_NICE)"
    return (
        f"only {noise.clean:.0%} of the repetitions ran undisturbed: "
        f"other programs use the same processor; end them, or keep a processor free for measuring{remedy}"
    )


def _floor(noise: Noise) -> str:
    if noise.floor <= FLOOR:
        return ""
    return (
        f"a kernel differs from itself by up to ±{noise.floor:.1%} at {noise.seconds:g} s a cell: "
        "raise the budget or the number of processes, or measure on a quieter host"
    )


def _drift(noise: Noise, governor: str | None) -> str:
    if noise.drift <= DRIFT:
        return ""
    remedy = (
        "this host shows no governor, so its clock is set elsewhere; measure when its neighbours are quiet"
        if governor is None
        else "fix the processor's frequency (governor performance, no boost)"
    )
    return f"the kernel's speed moved by {noise.drift:.0%} during the run: {remedy}"
