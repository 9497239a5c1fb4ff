"""The tuning store: what was tried for which kernel and how long it took, as JSON lines shared by all studies.

A line is written whole or not at all; what a process that was killed left of one is cut off by the next writer.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dlas.errors import StoreError
from dlas.fingerprint import digest

FOLDER, FILE, GENERATION = "tuning", "records.jsonl", "generation"
OK = "ok"
_SHOWN = 12


@dataclass(frozen=True)
class Task:
    """What is tuned: the structure of a kernel, the target, the primitive, versions of what compiles it."""

    workload: str
    target: str
    primitive: str
    versions: Mapping[str, str]
    kernel: str = ""  # for people; no part of the key

    @property
    def key(self) -> str:
        """Hash; the same kernel of another network has the same."""
        return digest({name: value for name, value in asdict(self).items() if name != "kernel"})


@dataclass(frozen=True)
class Record:
    """A trial: `ratio` is the kernel's time over that of the default, timed beside it; both are 0 if it did not run.

    `cost` are the seconds that the trial took; `status` is `ok`, `crashed`, `timeout`, `refused` or `wrong`.
    """

    task: Mapping[str, Any]
    space: str
    candidate: Mapping[str, Any]
    status: str
    seconds: float = 0.0
    ratio: float = 0.0
    cost: float = 0.0
    reason: str = ""
    host: str = ""

    @property
    def key(self) -> str:
        """Hash of the task."""
        return Task(**self.task).key

    @property
    def name(self) -> str:
        """Hash of task and candidate: there is one record of each."""
        return digest({"task": self.key, "space": self.space, "candidate": dict(self.candidate)})


@dataclass(frozen=True)
class Settled:
    """A task was searched with so many trials; it needs no more unless more are asked for."""

    task: str
    space: str
    trials: int


class Records:
    """The file in a folder of the store; every process appends to it under its lock."""

    def __init__(self, store: Path) -> None:
        self.folder = store / FOLDER
        self.path = self.folder / FILE

    # --- reading

    def all(self) -> list[Record]:
        """Every record, the oldest first; raises StoreError for a damaged line."""
        return [Record(**line["record"]) for line in self._lines() if "record" in line]

    def settled(self) -> dict[tuple[str, str], int]:
        """Task and space → the most trials that it was searched with."""
        found: dict[tuple[str, str], int] = {}
        for line in self._lines():
            if "settled" in line:
                mark = Settled(**line["settled"])
                found[mark.task, mark.space] = max(mark.trials, found.get((mark.task, mark.space), 0))
        return found

    def damaged(self) -> list[int]:
        """Numbers of the lines that are no records, or not those that were written."""
        return [number for number, text in enumerate(self._texts(), 1) if _parsed(text) is None]

    def _lines(self) -> Iterator[dict[str, Any]]:
        for number, text in enumerate(self._texts(), 1):
            line = _parsed(text)
            if line is None:
                raise StoreError(f"{self.path}: line {number} is damaged; `dlas records verify --repair` drops it")
            yield line

    def _texts(self) -> list[str]:
        """Whole lines; what is behind the last line's end was never written to its end."""
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return []
        return text[: text.rfind(b"\n") + 1].decode(errors="replace").splitlines()

    # --- writing

    def add(self, record: Record) -> bool:
        """Append a record, on disk when this returns; False where it was there already."""
        return self._append([{"record": asdict(record)}]) == 1

    def settle(self, marks: Iterable[Settled]) -> None:
        """Note that tasks were searched."""
        self._append([{"settled": asdict(mark)} for mark in marks])

    def take(self, path: Path) -> tuple[int, int]:
        """Append what another store exported; how many lines were new, and how many there were."""
        try:
            texts = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as problem:
            raise StoreError(
                f"{path} cannot be read as records; name a file that `dlas records export` wrote"
            ) from problem
        lines = [_parsed(text) for text in texts]
        if None in lines:
            raise StoreError(f"{path}: line {lines.index(None) + 1} is no record; export it again")
        return self._append([line for line in lines if line]), len(lines)

    def repair(self) -> int:
        """Drop damaged lines; how many there were."""
        with self._locked():
            texts = self._texts()
            whole = [text for text in texts if _parsed(text) is not None]
            partial = self.path.with_suffix(".partial")
            with partial.open("w", encoding="utf-8") as file:
                file.writelines(text + "\n" for text in whole)
                _sync(file.fileno())
            partial.rename(self.path)
        return len(texts) - len(whole)

    def _append(self, lines: list[dict[str, Any]]) -> int:
        with self._locked():
            known = {_identity(line) for line in self._lines()}
            new = {_identity(line): line for line in lines if _identity(line) not in known}
            with self.path.open("r+b" if self.path.exists() else "w+b") as file:
                whole = file.read().rfind(b"\n") + 1
                file.truncate(whole)
                file.seek(whole)
                file.write("".join(_written(line) + "\n" for line in new.values()).encode())
                file.flush()
                _sync(file.fileno())
        return len(new)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "lock").open("w") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
        except OSError as problem:
            raise StoreError(
                f"{self.folder} cannot be written ({problem}); name another store with DLAS_STORE"
            ) from problem

    # --- choosing anew

    @property
    def generation(self) -> int:
        """How often tuned executables were declared stale."""
        try:
            return int((self.folder / GENERATION).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return 0

    def retune(self) -> None:
        """Let all tuned executables be built anew, from all records that there are."""
        with self._locked():
            partial = self.folder / f"{GENERATION}.partial"
            partial.write_text(str(self.generation + 1), encoding="utf-8")
            partial.rename(self.folder / GENERATION)


def best(records: Iterable[Record]) -> Record | None:
    """The record of the smallest ratio among those that ran."""
    return min((record for record in records if record.status == OK), key=lambda record: record.ratio, default=None)


def _identity(line: Mapping[str, Any]) -> str:
    return Record(**line["record"]).name if "record" in line else digest({"settled": line["settled"]})


def _written(line: Mapping[str, Any]) -> str:
    return json.dumps({**line, "check": _check(line)}, sort_keys=True)


def _check(line: Mapping[str, Any]) -> str:
    return digest({name: value for name, value in line.items() if name != "check"})[:_SHOWN]


def _parsed(text: str) -> dict[str, Any] | None:
    """The line that a text holds, None where it is not what was written."""
    try:
        line: dict[str, Any] = json.loads(text)
        kind = Record(**line["record"]) if "record" in line else Settled(**line["settled"])
        return line if kind and line["check"] == _check(line) else None
    except (ValueError, TypeError, KeyError):
        return None


def _sync(handle: int) -> None:
    os.fsync(handle)
