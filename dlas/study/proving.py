"""Opening a cell's child and proving, before it is timed, that it is what its label says."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from dlas import interpreter
from dlas.artifacts import Artifact, Store
from dlas.errors import BuildFailed
from dlas.host import Host
from dlas.layers.hardware import Command
from dlas.measure import proof
from dlas.measure.proof import Promise, Proof
from dlas.measure.session import Session, Subject
from dlas.option import name_of
from dlas.process import Message
from dlas.realise import Step, codegen_of, hardware_of
from dlas.study.plan import Cell
from dlas.study.spec import Measure

SCORE_TIMEOUT = 1800.0  # s
VNNI = "avx512-vnni"
SATURATED = "; a processor without VNNI saturates sums of eight-bit products: try int8@bits=7"


@dataclass(frozen=True)
class Admission:
    """An opened session, or why the cell may not be timed.

    `proven` is its score and what was proven of it.
    """

    session: Session | None
    status: str
    reason: str
    proven: Mapping[str, Any]


def subject(cell: Cell, store: Store, host: Host) -> Subject:
    """What a cell's child needs to know."""
    realisation = cell.realisation
    assert realisation is not None
    command = hardware_of(cell.stack).start(host)
    command = replace(command, argv=interpreter.command(command.argv, realisation.executable.python))
    return Subject(
        key=cell.key,
        executable=_artifact(store, realisation.executable).folder,
        network=_artifact(store, realisation.networks[-1]).folder,
        data=_artifact(store, realisation.data).folder,
        command=command,
        ceiling=codegen_of(cell.stack).ceilings.get(command.isa, {}),
    )


def _artifact(store: Store, step: Step) -> Artifact:
    artifact = store.get(step.key)
    if artifact is None:
        raise BuildFailed(f"{step.layer} {step.option} is not in the store any more; run again")
    return artifact


def admit(cell: Cell, store: Store, host: Host, score: Message | None, asked: Measure) -> Admission:
    """Open a cell's child, judge its evidence, score it unless it was; raises BuildFailed if the child fails."""
    realisation = cell.realisation
    assert realisation is not None
    network = _artifact(store, realisation.networks[-1])
    with ExitStack() as undo:
        session = Session(subject(cell, store, host), asked.timeout)
        undo.callback(session.close)
        loaded = session.load()
        primitive = _asked_primitive(cell)
        proven = _judge(loaded, network, session.subject.command, primitive)
        status, reason = proven.status, proven.reason
        if status == "ok":
            score = score or session.score(asked.images, SCORE_TIMEOUT)
            reason = _wrong(score, network, primitive, host) or _differs(loaded, network, primitive, host)
            status = "failed" if reason else "ok"
        if status == "ok":
            undo.pop_all()
    found = {"score": score, "compute_precision": proven.precision, "primitive_share": proven.primitive_share}
    return Admission(session if status == "ok" else None, status, reason, found)


def artifact_facts(cell: Cell, store: Store) -> dict[str, Any]:
    """What the cell's artifacts tell of size and of the cost of making them."""
    realisation = cell.realisation
    assert realisation is not None
    networks = [_artifact(store, step) for step in realisation.networks]
    executable = _artifact(store, realisation.executable)
    facts = networks[-1].facts
    return {
        **{key: facts[key] for key in ("parameters", "nonzeros", "macs", "precision", "trained")},
        "network_accuracy": facts["accuracy"]["test"] if facts["accuracy"] else None,
        "operators": len(facts["operators"]),
        "size": executable.size,
        "weights_size": executable.facts["weights_size"],
        "stored": [facts.get("storage", "float32"), facts.get("weights_size")],
        "train_time": sum(network.seconds for network in networks),
        "build_time": executable.seconds,
        "tuning": {name: value for name, value in executable.facts.items() if name.startswith("tune_")},
    }


def _asked_primitive(cell: Cell) -> str:
    """The primitive's name, nothing where the code generator chooses."""
    (primitive,) = cell.stack.options("primitive")
    return name_of(primitive) if getattr(primitive, "lowerings", {}) else ""


def _judge(loaded: Message, network: Artifact, command: Command, primitive: str) -> Proof:
    macs = [operator["macs"] for operator in network.facts["operators"]]
    evidence = proof.revive(loaded["evidence"])
    promise = Promise(network.facts["precision"], command.place.threads, command.isa, primitive)
    return proof.judge(evidence, promise, macs)


def _differs(loaded: Message, network: Artifact, primitive: str, host: Host) -> str:
    """Whether this very child's numbers are wrong; too few images to judge a quantised network's agreement."""
    return "" if network.facts["precision"] == "int8" else _wrong(loaded["check"], network, primitive, host)


def _wrong(score: Mapping[str, Any], network: Artifact, primitive: str, host: Host) -> str:
    storage = network.facts.get("storage", "float32")
    reason = proof.wrong_numbers(score, network.facts["precision"], storage, primitive)
    saturates = network.facts.get("weight_bits") == 8 and VNNI not in host.isas
    return reason + SATURATED if reason and saturates else reason
