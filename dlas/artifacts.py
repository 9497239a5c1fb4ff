"""The store: one folder an artifact, under the key of the recipe that made it, complete or not there at all."""

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dlas import fingerprint
from dlas.errors import StoreError
from dlas.fingerprint import digest, file_digest

MANIFEST = "manifest.json"
_CLOCK = "clock.json"  # when a build began, and the seconds before that; beside what it resumes from
STORE = "DLAS_STORE"
Facts = Mapping[str, Any]
_WRITTEN = ("key", "recipe", "facts", "files", "seconds")
_NOTHING = (0, 0)
_OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_FULL = 1 << 20  # bytes
_LARGE = 1 << 24  # bytes; smaller data are hashed as quickly as their hash is looked up
_SETTLED = 2.0  # s without a change: before, file systems may give one time to two changes


@dataclass(frozen=True)
class Artifact:
    """What a build step left on disk; `seconds` is the wall time that it took, also before it was killed."""

    key: str
    folder: Path
    recipe: Facts
    facts: Facts
    files: Facts
    seconds: float

    def file(self, name: str) -> Path:
        """Path of one of its files, whose content is verified; raises StoreError if it was changed."""
        path = self.folder / name
        if name not in self.files or not self._intact(name):
            raise StoreError(f"{path} is damaged or missing; `dlas store prune --damaged` removes it, then run again")
        return path

    def damaged(self) -> list[str]:
        """Names of its files that are missing or changed; the manifest's where that cannot be read."""
        return [name for name in self.files if not self._intact(name)]

    def _intact(self, name: str) -> bool:
        path = self.folder / name
        return bool(_hash_of(path, _stamp(path)) == self.files[name])

    @property
    def ruined(self) -> bool:
        """Whether its manifest is lost, so that only its folder is known."""
        return MANIFEST in self.files

    @property
    def size(self) -> int:
        """Bytes on disk, the manifest not counted."""
        return sum(_stamp(self.folder / name)[1] for name in self.files)


class Store:
    """A folder of artifacts, shared by any number of processes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make the store's folders; raises StoreError where it cannot be written."""
        with self._trouble():
            for name in ("artifacts", "work", "locks"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            probe = self.root / "work" / f".probe-{os.getpid()}"
            probe.write_bytes(b"\0" * 4096)
            probe.unlink()

    def get(self, key: str) -> Artifact | None:
        """The artifact of a key, or None while it is not built; its manifest's time tells when it was last used."""
        artifact = read(self.root / "artifacts" / key)
        if artifact:
            with suppress(OSError):  # a store that is only read
                os.utime(artifact.folder / MANIFEST)
        return artifact

    def artifacts(self) -> list[Artifact]:
        """All artifacts by key, those whose manifest is lost or unreadable among them (damaged, of unknown recipe)."""
        return [_read_or_ruin(folder) for folder in sorted(self.root.glob("artifacts/*"))]

    def build(self, recipe: Facts, make: Callable[[Path, Path], Facts]) -> Artifact:
        """The artifact of a recipe, made by `make(out, work)` unless it is there.

        `out` starts empty and becomes the artifact; `work` survives a kill, so that `make` can resume from it.
        One process builds, others that ask for the same key wait for it.
        """
        key = digest(recipe)
        with self._trouble(), self._lock(key):
            found = self.get(key)
            if found:
                return found
            work = self.root / "work" / key
            out = work / "out"
            earlier = _spent(work)
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir(parents=True)
            (work / _CLOCK).write_text(json.dumps({"start": time.time(), "earlier": earlier}), encoding="utf-8")
            start = time.monotonic()
            facts = make(out, work)
            manifest = {
                "key": key,
                "recipe": recipe,
                "facts": facts,
                "files": {str(p.relative_to(out)): file_digest(p) for p in sorted(out.rglob("*")) if p.is_file()},
                "seconds": round(earlier + time.monotonic() - start, 3),
            }
            (out / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            _sync(out)
            shutil.rmtree(self.root / "artifacts" / key, ignore_errors=True)  # a ruin: a removal that was killed
            out.rename(self.root / "artifacts" / key)
            shutil.rmtree(work, ignore_errors=True)
        built = self.get(key)
        assert built is not None
        return built

    def adopt(self, key: str, folder: Path) -> None:
        """Take in an artifact that was shipped to a folder, unless it is there; the folder is gone afterwards.

        Raises StoreError where its content is not what its key and its manifest say.
        """
        with self._trouble(), self._lock(key):
            arrived = read(folder)
            if arrived is None or arrived.key != key or digest(arrived.recipe) != key or arrived.damaged():
                raise StoreError(f"artifact {key[:12]} was damaged while it was shipped; run again")
            if self.get(key) is None:
                _sync(folder)
                folder.rename(self.root / "artifacts" / key)
        shutil.rmtree(folder, ignore_errors=True)

    def remove(self, key: str) -> None:
        """Forget an artifact; waits for a process that is building it."""
        with self._trouble(), self._lock(key):
            shutil.rmtree(self.root / "artifacts" / key, ignore_errors=True)

    def sweep_work(self) -> int:
        """Remove the unfinished work that no process holds; returns how many folders went."""
        removed = 0
        for work in sorted(self.root.glob("work/*")):
            with self._lock(work.name, wait=False) as held:
                if held:
                    shutil.rmtree(work, ignore_errors=True)
                    removed += 1
        return removed

    @contextmanager
    def _lock(self, key: str, wait: bool = True) -> Iterator[bool]:
        with (self.root / "locks" / key).open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            yield True

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            if not self._is_ours(problem):
                raise
            reason = os.strerror(problem.errno or 0).lower()
            raise StoreError(f"store {self.root}: {reason}; name another one with DLAS_STORE") from problem
        except Exception as problem:
            # Libraries wrap a full disk in errors of their own.
            if shutil.disk_usage(self.root).free > _FULL:
                raise
            raise StoreError(f"store {self.root}: no space left; name another one with DLAS_STORE") from problem

    def _is_ours(self, problem: OSError) -> bool:
        """Whether a failure is the store's own: on a path in it, or for want of space."""
        if problem.filename is None:
            return problem.errno in _OUT_OF_SPACE
        path = Path(str(problem.filename))
        return path == self.root or self.root in path.parents or path in self.root.parents


def _spent(work: Path) -> float:
    """Seconds of builds that did not come to their end, each up to the last thing that it left in `work`."""
    try:
        clock = json.loads((work / _CLOCK).read_text(encoding="utf-8"))
        start, earlier = float(clock["start"]), float(clock["earlier"])
        return earlier + max(0.0, max(path.stat().st_mtime for path in work.rglob("*")) - start)
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def users() -> Store:
    """The store that `DLAS_STORE` names, else the one in the user's cache folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return Store(Path(os.environ.get(STORE) or cache / "dlas").expanduser().resolve())


def content(path: Path) -> str:
    """`fingerprint.content`, kept in the user's store: large data are read once, until a name, time or size changes."""
    stamps = _stamps(path)
    size, changed = (
        sum(size for _, size in stamps.values()),
        max((time_ns for time_ns, _ in stamps.values()), default=0),
    )
    if size < _LARGE:
        return fingerprint.content(path)
    file = users().root / "contents" / f"{digest({'path': str(path)})}.json"
    state = digest({name: list(stamp) for name, stamp in stamps.items()})
    kept = _kept(file)
    if kept.get("state") == state:
        return str(kept["content"])
    found = fingerprint.content(path)
    if time.time() - changed / 1e9 > _SETTLED and _stamps(path) == stamps:
        _keep(file, {"path": str(path), "state": state, "content": found})
    return found


def _stamps(path: Path) -> dict[str, tuple[int, int]]:
    """Time and size of a file, or of each file in a folder, by name."""
    files = [path] if path.is_file() else (found for found in path.rglob("*") if found.is_file())
    return {str(file.relative_to(path)): _stamp(file) for file in files}


def _kept(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and "content" in found else {}


def _keep(file: Path, facts: Facts) -> None:
    partial = file.with_suffix(f".{os.getpid()}.partial")
    with suppress(OSError):  # a store that cannot be written keeps nothing
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(facts), encoding="utf-8")
        partial.rename(file)


def read(folder: Path) -> Artifact | None:
    """The artifact in a folder (a store's, or one that was shipped), or None where there is none."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return Artifact(folder=folder, **{name: manifest[name] for name in _WRITTEN})
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise StoreError(f"{folder / MANIFEST} cannot be read; `dlas store prune --damaged` removes it") from problem


def _read_or_ruin(folder: Path) -> Artifact:
    unknown = {"layer": "unknown", "option": "(its manifest is lost)"}
    ruin = Artifact(folder.name, folder, unknown, {}, {MANIFEST: "lost"}, 0.0)
    try:
        return read(folder) or ruin
    except StoreError:
        return ruin


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return _NOTHING
    return (status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4096)
def _hash_of(path: Path, stamp: tuple[int, int]) -> str:
    """The content's hash, read once for each state of the file; empty where there is none."""
    return file_digest(path) if stamp != _NOTHING else ""


def _sync(folder: Path) -> None:
    """Everything below a folder reaches the disk before the rename that publishes it."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
