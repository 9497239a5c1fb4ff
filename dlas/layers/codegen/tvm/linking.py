"""From compiled objects to a shared library: the system's C++ driver, or the one in the package ziglang."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from dlas.errors import BuildFailed, Inapplicable

SYSTEM = "c++"
MISSING = "codegen tvm: nothing here links a library; install a C++ compiler (c++), or dlas[zig] (the package ziglang)"


def linker() -> tuple[str, ...] | None:
    """The command that links, None where there is none."""
    system = shutil.which(SYSTEM)
    if system:
        return (system,)
    return (sys.executable, "-m", "ziglang", "c++") if importlib.util.find_spec("ziglang") else None


def export(executable: Any, library: Path) -> None:
    """Write a compiled module as a shared library; raises Inapplicable without a linker."""
    command = linker()
    if command is None:
        raise Inapplicable(MISSING)

    def link(output: str, objects: list[str], **_: Any) -> None:
        argv = [*command, "-shared", "-fPIC", "-o", output, *objects]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildFailed(f"codegen tvm: {command[-1]} cannot link: {done.stderr.strip()[-300:]}")

    link.output_format = "so"  # type: ignore[attr-defined]
    executable.export_library(str(library), fcompile=link)
