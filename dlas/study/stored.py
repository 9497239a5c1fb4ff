"""What the store holds of a stack that a study built: all that is needed to run it again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dlas import realise
from dlas.artifacts import Artifact, Store
from dlas.errors import Inapplicable, StoreError
from dlas.host import Host
from dlas.layers.hardware import Command
from dlas.process import environment
from dlas.realise import Step, codegen_of, hardware_of
from dlas.stack import Stack
from dlas.study.spec import Study


@dataclass(frozen=True)
class Stored:
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


def stored(stack: Stack, study: Study, store: Store, host: Host) -> Stored:
    """What the store holds of a stack; raises Inapplicable for what cannot be here, StoreError for what is missing."""
    label = stack.difference(study.baseline)
    obstacle = realise.obstacle(stack, host)
    if obstacle:
        raise Inapplicable(f"{label} cannot run here: {obstacle}")
    found = realise.realisation(stack, study.places, host)
    made = {step.key: store.get(step.key) for step in found.steps}
    missing = [step for step in found.steps if made[step.key] is None]
    if missing:
        raise StoreError(_lacks(label, missing, store))
    command = hardware_of(stack).start(host)
    executable, network, data = (_present(made, step) for step in (found.executable, found.networks[-1], found.data))
    return Stored(label, stack, executable, network, data, command)


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
