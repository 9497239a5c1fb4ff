"""Orders and what comes of them as values that JSON has, and bytes: what crosses to another host and back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dlas.errors import BuildFailed
from dlas.measure.pace import Pace
from dlas.measure.rounds import Limits
from dlas.measure.samples import pack, unpack
from dlas.process import Message, describe, revive
from dlas.realise import Realisation, Step, as_message
from dlas.stack import Stack
from dlas.study.plan import Cell
from dlas.study.proving import Admission
from dlas.study.spec import Measure
from dlas.study.timing import Notes, Order, Timed


def write_order(order: Order) -> Message:
    """An order as a message."""
    return {
        "cells": [_write_cell(cell) for cell in order.cells],
        "baseline": order.baseline,
        "scores": dict(order.scores),
        "paces": {key: asdict(pace) for key, pace in order.paces.items()},
        "limits": asdict(order.limits),
        "measure": asdict(order.measure),
        "seed": order.seed,
        "title": order.title,
    }


def read_order(message: Message) -> Order:
    """The order in a message."""
    return Order(
        cells=tuple(_read_cell(cell) for cell in message["cells"]),
        baseline=message["baseline"],
        scores=message["scores"],
        paces={key: Pace(**pace) for key, pace in message["paces"].items()},
        limits=Limits(**message["limits"]),
        measure=Measure(**message["measure"]),
        seed=message["seed"],
        title=message["title"],
    )


def _write_cell(cell: Cell) -> Message:
    realisation = cell.realisation
    assert realisation is not None
    steps = [as_message(step) for step in realisation.steps]
    return {"stack": cell.stack.as_dict(), "label": cell.label, "key": cell.key, "steps": steps}


def _read_cell(message: Message) -> Cell:
    data, *networks, executable = (read_step(step) for step in message["steps"])
    realisation = Realisation(data, tuple(networks), executable)
    return Cell(Stack(**message["stack"]), message["label"], message["key"], realisation)


def read_step(message: Message) -> Step:
    """The step in a message of `as_message`; its key follows from it."""
    return Step(**{**message, "inputs": tuple(message["inputs"])})


def write_timed(timed: Timed) -> Message:
    """What one child was timed for, its samples as the journal packs them."""
    return {"key": timed.key, "outcome": timed.outcome, "facts": dict(timed.facts), "samples": pack(timed.samples)}


def read_timed(message: Message) -> Timed:
    """What `write_timed` wrote."""
    return Timed(message["key"], message["outcome"], message["facts"], unpack(message["samples"]))


class Recorder:
    """Keeps the notes of another host until they are read out where the journal is; `say` is told at once."""

    def __init__(self, say: Any) -> None:
        self.events: list[Message] = []
        self.tell = say

    def admitted(self, key: str, admission: Admission) -> None:
        """Keep what `replay` needs; the session stays where it is."""
        found = {"status": admission.status, "reason": admission.reason, "proven": dict(admission.proven)}
        self.events.append({"event": "admitted", "key": key, **found})

    def refused(self, key: str, reason: str) -> None:
        """Keep the reason."""
        self.events.append({"event": "refused", "key": key, "reason": reason})

    def trouble(self, key: str, problem: BuildFailed, doing: str) -> None:
        """Keep the problem."""
        self.events.append({"event": "trouble", "key": key, "error": describe(problem), "doing": doing})


def replay(events: Sequence[Mapping[str, Any]], notes: Notes) -> None:
    """Tell notes what a recorder kept."""
    for event in events:
        key = event["key"]
        if event["event"] == "admitted":
            notes.admitted(key, Admission(None, event["status"], event["reason"], event["proven"]))
        elif event["event"] == "refused":
            notes.refused(key, event["reason"])
        else:
            problem = revive(event["error"])
            assert isinstance(problem, BuildFailed)
            notes.trouble(key, problem, event["doing"])
