"""Hashes that enter keys: of a recipe, of an option's code, of a user's data."""

import ast
import hashlib
import importlib.util
import json
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from dlas.errors import DataError

_SHARED = ("dlas.data", "dlas.network", "dlas.training")
_SHARED_FOLDER = "dlas.tensorir"
_CHUNK = 1 << 20
_BUILDS = {"onnxruntime": ("onnxruntime-gpu",)}  # distributions of the same module


def digest(value: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    sha = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            sha.update(chunk)
    return sha.hexdigest()


def content(path: Path) -> str:
    """Hash of a file, or of a folder's sorted names and contents; raises DataError if there is none."""
    if path.is_file():
        return _file_content(path, path.stat().st_mtime_ns, path.stat().st_size)
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file())
        return digest({str(p.relative_to(path)): content(p) for p in files})
    raise DataError(f"{path} does not exist; name a file or a folder that does")


@cache
def _file_content(path: Path, mtime_ns: int, size: int) -> str:  # noqa: ARG001 - the state that the cache is for
    return file_digest(path)


@cache
def code_version(module: str) -> str:
    """Hash of the code that implements an option, without comments, layout and docstrings.

    Counted are the option's module and what it imports inside its own layer's folder, `data.py`, `network.py`,
    `training.py` and `tensorir/`, and modules beside one of these that it names in a string, as kernels name their
    schedules; for a plug-in its whole package.
    """
    return digest({name: _normalised(_source(name)) for name in _implementation(module)})


@cache
def package_code(package: str) -> str:
    """Hash of all code of a package, without comments, layout and docstrings."""
    return digest({name: _normalised(_source(name)) for name in _package_modules(package)})


def _implementation(module: str) -> list[str]:
    if not module.startswith("dlas."):
        return _package_modules(module.partition(".")[0])
    folder = ".".join(module.split(".")[:3])
    seen: list[str] = []
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.append(name)
            tree = ast.parse(_source(name))
            used = (*_imports(tree), *_named(tree, name))
            waiting += [found for found in used if found in _SHARED or found.startswith((folder, _SHARED_FOLDER))]
    return sorted(seen)


def _package_modules(package: str) -> list[str]:
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    return [package, *(found.name for found in pkgutil.walk_packages(folders, package + "."))]


def _imports(tree: ast.Module) -> Iterable[str]:
    """Absolute names of the modules that a module imports, also inside its functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (inner for alias in node.names if _is_module(inner := f"{node.module}.{alias.name}"))


def _named(tree: ast.Module, module: str) -> Iterable[str]:
    """Modules beside a module that a whole string in it names, themselves or something in them.

    Of other folders none are: an option names its lowerings in every dialect, and each has a version of its own.
    """
    beside = _beside(module)
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return (name for text in texts for name in (text, text.rpartition(".")[0]) if name in beside)


def _beside(module: str) -> frozenset[str]:
    """Absolute names of the modules in a module's own folder, packages left out."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return frozenset()
    found = pkgutil.iter_modules([str(Path(spec.origin).parent)])
    return frozenset(f"{spec.parent}.{each.name}" for each in found if not each.ispkg)


@cache
def _is_module(name: str) -> bool:
    if not name.startswith("dlas."):
        return False
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@cache
def _source(module: str) -> str:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return ""
    path = Path(spec.origin)
    return path.read_text(encoding="utf-8") if path.suffix == ".py" else repr(file_digest(path))


def _normalised(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node, clean=False) is not None
            node.body = (node.body[1:] or [ast.Pass()]) if documented else node.body
    return ast.unparse(tree)


@cache
def package_version(package: str) -> str | None:
    """The installed version of a package, or of another build that takes its place; None without either."""
    for name in (package, *_BUILDS.get(package, ())):
        try:
            return version(name) if name == package else f"{version(name)} ({name})"
        except PackageNotFoundError:
            continue
    return None
