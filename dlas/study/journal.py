"""The journal: every session, cell, block and run of a study in one SQLite file. It is the truth; a cube is a view."""

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlas.errors import CubeError
from dlas.measure.samples import Samples, pack, unpack

VERSION = 1
KERNEL = "reference-kernel"

_SCHEMA = """
create table if not exists session (
    id integer primary key, started text not null, host text not null, host_facts text not null,
    environment text not null, seed integer not null);
create table if not exists cell (
    key text not null, host text not null, session integer not null references session,
    stack text not null, status text not null, reason text not null, record text,
    primary key (key, host));
create table if not exists block (
    id integer primary key, session integer not null references session, host text not null,
    baseline text not null, seed integer not null);
create table if not exists run (
    id integer primary key, block integer not null references block, cell text not null, process integer not null,
    outcome text not null, margin real not null, budget real not null, facts text not null, samples blob not null);
create index if not exists run_of_cell on run (cell);
"""


@dataclass(frozen=True)
class CellRow:
    """A cell's status on a host; `record` holds the facts of its artifacts and its score once it was admitted."""

    key: str
    status: str
    reason: str
    record: Mapping[str, Any] | None


@dataclass(frozen=True)
class RunRow:
    """One child's measurement of a cell. `margin` and `budget` are what it was asked for."""

    block: int
    cell: str
    process: int
    outcome: str
    margin: float
    budget: float
    facts: Mapping[str, Any]
    samples: Samples


class Journal:
    """An open journal; every change is one transaction."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._connection = sqlite3.connect(path, timeout=60, isolation_level=None)
            found = self._connection.execute("pragma user_version").fetchone()[0]
            if found not in (0, VERSION):
                raise CubeError(
                    f"{path} was written by another version of dlas (journal {found}); choose another --out"
                )
            if found == 0:
                self._make(path)
            self._connection.execute("pragma synchronous = normal")
        except sqlite3.Error as problem:
            raise CubeError(f"journal {path} cannot be used ({problem}); choose another --out") from problem

    def _make(self, path: Path) -> None:
        """Make the tables; sqlite does not wait for others while it switches to write-ahead logging."""
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            self._connection.execute("pragma journal_mode = wal")
            self._connection.executescript(_SCHEMA + f"pragma user_version = {VERSION};")
        finally:
            os.close(folder)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._connection.execute("begin immediate")
            yield self._connection
            self._connection.execute("commit")
        except sqlite3.Error as problem:
            raise CubeError(f"journal {self._path} cannot be written ({problem}); what it holds is safe") from problem
        finally:
            if self._connection.in_transaction:
                self._connection.execute("rollback")

    # --- writing

    def open_session(
        self, started: str, host: str, host_facts: Mapping[str, Any], environment: Mapping[str, Any], seed: int
    ) -> int:
        """Note who measures where, with what."""
        with self._transaction() as connection:
            row = (started, host, json.dumps(host_facts), json.dumps(environment), seed)
            cursor = connection.execute(
                "insert into session (started, host, host_facts, environment, seed) values (?, ?, ?, ?, ?)", row
            )
        return int(cursor.lastrowid or 0)

    def add_to_environment(self, session: int, facts: Mapping[str, Any]) -> None:
        """Add to what is known of where a session measures."""
        with self._transaction() as connection:
            query = "update session set environment = json_patch(environment, ?) where id = ?"
            connection.execute(query, (json.dumps(facts), session))

    def note_cell(self, session: int, host: str, stack: Mapping[str, str], row: CellRow) -> None:
        """Set a cell's status; a record that is there stays unless a new one is given."""
        record = json.dumps(row.record) if row.record else None
        values = (row.key, host, session, json.dumps(stack), row.status, row.reason, record)
        with self._transaction() as connection:
            connection.execute(
                "insert into cell (key, host, session, stack, status, reason, record) values (?, ?, ?, ?, ?, ?, ?)"
                " on conflict (key, host) do update set session = excluded.session, status = excluded.status,"
                " reason = excluded.reason, record = coalesce(excluded.record, record)",
                values,
            )

    def forget_failures(self, host: str, keys: Sequence[str]) -> None:
        """Forget the status of cells that did not end well, so that they are tried again."""
        with self._transaction() as connection:
            connection.executemany(
                "delete from cell where host = ? and key = ? and status != 'ok'", [(host, key) for key in keys]
            )

    def open_block(self, session: int, host: str, baseline: str, seed: int) -> int:
        """Note that a block of cells is being measured together."""
        with self._transaction() as connection:
            cursor = connection.execute(
                "insert into block (session, host, baseline, seed) values (?, ?, ?, ?)", (session, host, baseline, seed)
            )
        return int(cursor.lastrowid or 0)

    def note_runs(self, runs: list[RunRow]) -> None:
        """Add what one set of child processes measured, all of it or nothing."""
        rows = [
            (r.block, r.cell, r.process, r.outcome, r.margin, r.budget, json.dumps(r.facts), pack(r.samples))
            for r in runs
        ]
        with self._transaction() as connection:
            connection.executemany(
                "insert into run (block, cell, process, outcome, margin, budget, facts, samples)"
                " values (?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    # --- reading

    def cells(self, host: str) -> dict[str, CellRow]:
        """Every cell that has a status on a host, by key."""
        rows = self._connection.execute("select key, status, reason, record from cell where host = ?", (host,))
        return {key: CellRow(key, status, reason, json.loads(r) if r else None) for key, status, reason, r in rows}

    def cell(self, host: str, key: str) -> CellRow | None:
        """One cell's status on a host, if it has one."""
        query = "select status, reason, record from cell where host = ? and key = ?"
        row = self._connection.execute(query, (host, key)).fetchone()
        return CellRow(key, row[0], row[1], json.loads(row[2]) if row[2] else None) if row else None

    def statuses(self, host: str) -> dict[str, str]:
        """Status of every cell that has one on a host, by key."""
        return dict(self._connection.execute("select key, status from cell where host = ?", (host,)).fetchall())

    def enough(self, host: str, baseline: str, margin: float, budget: float, alone: bool = False) -> dict[str, int]:
        """For each cell, how many runs beside this baseline on a host meet the margin or have had the budget.

        A run whose set of processes lost its baseline counts only with `alone`: it cannot be compared.
        """
        rows = self._connection.execute(
            "select cell, count(*) from run join block on block.id = run.block"
            " where block.host = ? and block.baseline = ?"
            " and ((outcome = 'margin' and run.margin <= ?) or (outcome = 'budget' and run.budget >= ?))"
            " and (? or (run.block, run.process) in"
            " (select block, process from run where cell = ? and outcome != 'failed')) group by cell",
            (host, baseline, margin, budget, alone, baseline),
        )
        return dict(rows.fetchall())

    def measured(self, host: str) -> set[str]:
        """Cells of which a host has a run that ended well."""
        query = (
            "select distinct cell from run join block on block.id = run.block where host = ? and outcome != 'failed'"
        )
        return {cell for (cell,) in self._connection.execute(query, (host,))}

    def runs(self, host: str) -> list[RunRow]:
        """Every run on a host that ended well."""
        rows = self._connection.execute(
            "select block, cell, process, outcome, margin, budget, facts, samples from run"
            " join block on block.id = run.block where block.host = ? and outcome != 'failed' order by run.id",
            (host,),
        )
        return [
            RunRow(block, cell, process, outcome, margin, budget, json.loads(facts), unpack(samples))
            for block, cell, process, outcome, margin, budget, facts, samples in rows
        ]

    def baselines(self, host: str) -> dict[int, str]:
        """Block → key of the baseline that it was paired with."""
        return dict(self._connection.execute("select id, baseline from block where host = ?", (host,)).fetchall())

    def sessions(self) -> list[dict[str, Any]]:
        """Who measured where and when."""
        rows = self._connection.execute(
            "select id, started, host, host_facts, environment, seed from session order by id"
        )
        names = ("id", "started", "host", "host_facts", "environment", "seed")
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return [
            {**s, "host_facts": json.loads(s["host_facts"]), "environment": json.loads(s["environment"])} for s in found
        ]
