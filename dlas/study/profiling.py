"""Profiles of some stacks, by turns in fresh child processes, from the artifacts that a study left in the store."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from dlas.measure import profile, profiler
from dlas.measure.lock import measuring_lock
from dlas.measure.profile import Profile
from dlas.process import Child, Message
from dlas.study.progress import Listen, Progress
from dlas.study.stored import Stored

_TIMEOUT = 300.0  # s for one window, of which the profiler's own work is most


def profiles(subjects: Sequence[Stored], listen: Listen, windows: int) -> list[Profile]:
    """Profile the subjects window by window in turns, so that what disturbs the host disturbs all of them."""
    with measuring_lock(), ExitStack() as undo:
        children = [undo.enter_context(_child(subject)) for subject in subjects]
        loaded = [_load(child, subject) for child, subject in zip(children, subjects, strict=True)]
        told: list[list[Message]] = [[] for _ in subjects]
        for number in range(windows):
            listen(Progress("profile", number, windows, "each operator by the runtime's own profiler"))
            order = range(len(children)) if number % 2 == 0 else reversed(range(len(children)))
            for i in order:
                told[i].append(children[i].ask({"do": "window"}, _TIMEOUT))
    # No comparison mixes clocks: where one of them needs the wall's, all are told by it.
    clock = "wall" if any(subject.command.clock == "wall" for subject in subjects) else "cpu"
    return [_summarised(*each, clock) for each in zip(subjects, told, loaded, strict=True)]


def _child(subject: Stored) -> Child:
    command = profiler.command_of(subject.command)
    return Child(command.argv, subject.environment, command.cpus)


def _load(child: Child, subject: Stored) -> Message:
    folders = {"executable": str(subject.executable.folder), "data": str(subject.data.folder)}
    return child.ask({"do": "load", "place": vars(subject.command.place), **folders}, _TIMEOUT)


def _summarised(subject: Stored, windows: Sequence[Mapping[str, Any]], loaded: Message, clock: str) -> Profile:
    return profile.summarised(windows, subject.label, subject.stack.codegen, clock, loaded, subject.network)
