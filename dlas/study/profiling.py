"""Profiles of some stacks, by turns in fresh child processes, from the artifacts that a study left in the store."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from dlas import realise
from dlas.artifacts import Artifact, Store
from dlas.errors import Inapplicable, StoreError
from dlas.host import Host
from dlas.layers.hardware import Command
from dlas.measure import profile, profiler
from dlas.measure.lock import measuring_lock
from dlas.measure.profile import Profile
from dlas.process import Child, Message, environment
from dlas.realise import Step, codegen_of, hardware_of
from dlas.stack import Stack
from dlas.study.progress import Listen, Progress
from dlas.study.spec import Study

_TIMEOUT = 300.0  # s for one window, of which the profiler's own work is most


@dataclass(frozen=True)
class Subject:
    """A stack with what is needed to run it."""

    label: str
    stack: Stack
    executable: Artifact
    network: Artifact
    data: Artifact
    command: Command

    @property
    def environment(self) -> dict[str, str]:
        """Of its child."""
        ceiling = codegen_of(self.stack).ceilings.get(self.command.isa, {})
        return {**environment(self.command.place.threads), **ceiling}


def subject(stack: Stack, study: Study, store: Store, host: Host) -> Subject:
    """What the store holds of a stack; raises Inapplicable for what cannot be here, StoreError for what is missing."""
    label = stack.difference(study.baseline)
    obstacle = realise.obstacle(stack, host)
    if obstacle:
        raise Inapplicable(f"{label} cannot be profiled here: {obstacle}")
    found = realise.realisation(stack, study.places, host)
    made = {step.key: store.get(step.key) for step in found.steps}
    missing = [step for step in found.steps if made[step.key] is None]
    if missing:
        raise StoreError(_lacks(label, missing, store))
    command = hardware_of(stack).start(host)
    executable, network, data = (_present(made, step) for step in (found.executable, found.networks[-1], found.data))
    return Subject(label, stack, executable, network, data, command)


def _present(made: Mapping[str, Artifact | None], step: Step) -> Artifact:
    artifact = made[step.key]
    assert artifact is not None
    return artifact


def _lacks(label: str, missing: Sequence[Step], store: Store) -> str:
    names = ", ".join(f"{step.layer} {step.option}" for step in missing)
    return (
        f"{label}: the store {store.root} lacks {names}; it was pruned, or this version of dlas makes it anew: "
        "run the study again, which builds it"
    )


def profiles(subjects: Sequence[Subject], listen: Listen, windows: int) -> list[Profile]:
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


def _child(subject: Subject) -> Child:
    command = profiler.command_of(subject.command)
    return Child(command.argv, subject.environment, command.cpus)


def _load(child: Child, subject: Subject) -> Message:
    folders = {"executable": str(subject.executable.folder), "data": str(subject.data.folder)}
    return child.ask({"do": "load", "place": vars(subject.command.place), **folders}, _TIMEOUT)


def _summarised(subject: Subject, windows: Sequence[Mapping[str, Any]], loaded: Message, clock: str) -> Profile:
    return profile.summarised(windows, subject.label, subject.stack.codegen, clock, loaded, subject.network)
