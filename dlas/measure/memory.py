"""Memory of this process as the kernel counts it, in bytes."""

from contextlib import suppress
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_THE_PEAK = "5"  # proc_pid_clear_refs(5)


def resident() -> int:
    """What it holds now."""
    return _counted("VmRSS")


def peak() -> int:
    """The most it held since its program was started, or since `forget_peak`.

    Not getrusage's: that is no less than what the parent held before it became this program.
    """
    return _counted("VmHWM")


def forget_peak() -> None:
    """Let the peak begin anew, where the kernel has a way to."""
    with suppress(OSError):
        _CLEAR.write_text(_THE_PEAK)


def _counted(name: str) -> int:
    lines = _STATUS.read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
