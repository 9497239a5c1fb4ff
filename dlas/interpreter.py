"""Another Python as the place of builds and workers, so that two versions of one runtime stand beside each other.

It brings the packages that shall differ; dlas, and what it lacks, are taken from this Python.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from dlas.errors import DataError

PARAMETER = "python"  # of code generators; a locator
_TIMEOUT = 60.0  # s
# What this Python has comes last on the other's path: what the other has itself is found first.
_BOOT = "import runpy, sys; sys.path += [p for p in {path!r} if p not in sys.path]; {then}"
_ASK = """\
import importlib.metadata, json
def version(name):
    try: return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError: return None
print(json.dumps([list(sys.version_info[:3]), {{name: version(name) for name in {names!r}}}]))
"""


def command(argv: Sequence[str], python: str) -> tuple[str, ...]:
    """The command `python -m MODULE` of this Python as the other one's; as it is for an empty path."""
    if not python:
        return tuple(argv)
    _, _, module, *rest = argv
    return (python, "-c", _boot(f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"), *rest)


def versions(python: str, names: Sequence[str]) -> Mapping[str, str | None]:
    """Versions of packages as the other Python finds them, None for one that nobody has, and its own as `python`.

    Raises DataError where it does not answer or is of another version, for which packages of this one are not built.
    """
    path = Path(python)
    return _versions(python, path.stat().st_mtime_ns if path.exists() else 0, tuple(names))


@lru_cache(maxsize=256)
def _versions(python: str, mtime: int, names: tuple[str, ...]) -> Mapping[str, str | None]:  # noqa: ARG001 - the state
    argv = (python, "-c", _boot(f"exec({_ASK.format(names=names)!r})"))
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT, check=True)
        own, found = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as problem:
        raise DataError(f"codegen: {python} does not answer as a Python ({problem}); name another") from problem
    if tuple(own[:2]) != sys.version_info[:2]:
        said = ".".join(map(str, own))
        raise DataError(
            f"codegen: {python} is Python {said}, dlas runs on {sys.version.split()[0]}; make it with the same"
        )
    return {**found, "python": ".".join(map(str, own))}


def _boot(then: str) -> str:
    return _BOOT.format(path=[path for path in (*sys.path, str(Path(__file__).parents[1])) if path], then=then)
