"""From compiled objects to a shared library: the system's C++ driver, or the one in the package ziglang."""

import importlib.util
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from dlas.errors import BuildFailed, Inapplicable

_SYSTEM = "c++"
_ZIG = (sys.executable, "-m", "ziglang", "c++")
_OLDEST = "2.28"  # glibc, of Debian 10
# Linux lends the registers of AMX to a process that asks for them: arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA).
_PERMISSION = """\
#include <sys/syscall.h>
#include <unistd.h>
__attribute__((constructor)) static void ask(void) { syscall(SYS_arch_prctl, 0x1023, 18); }
"""


def missing(architecture: str) -> str:
    """What to do where nothing links."""
    what, driver = ("a library", "a C++ compiler (c++)")
    if architecture != platform.machine():
        what, driver = f"a library for {architecture}", _cross(architecture)
    return f"codegen tvm: nothing here links {what}; install {driver}, or dlas[zig] (the package ziglang)"


def linker(architecture: str) -> tuple[str, ...] | None:
    """The command that links for an architecture, None where there is none."""
    here = architecture == platform.machine()
    system = shutil.which(_SYSTEM if here else _cross(architecture))
    if system:
        return (system,)
    if importlib.util.find_spec("ziglang") is None:
        return None
    return _ZIG if here else (*_ZIG, "-target", f"{architecture}-linux-gnu.{_OLDEST}")


def _cross(architecture: str) -> str:
    return f"{architecture}-linux-gnu-g++"


def export(executable: Any, library: Path, architecture: str, amx: bool = False) -> None:
    """Write a compiled module as a shared library; raises Inapplicable without a linker.

    With `amx` the library asks for the processor's tile registers when it is loaded, by whatever program.
    """
    command = linker(architecture)
    if command is None:
        raise Inapplicable(missing(architecture))

    def link(output: str, objects: list[str], **_: Any) -> None:
        argv = [*command, "-shared", "-fPIC", "-o", output, *objects, *(["-x", "c", "-"] if amx else [])]
        done = subprocess.run(argv, input=_PERMISSION, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildFailed(f"codegen tvm: {command[-1]} cannot link: {done.stderr.strip()[-300:]}")

    link.output_format = "so"  # type: ignore[attr-defined]
    executable.export_library(str(library), fcompile=link)
