"""What a Dask worker does for a study: one importable function a task, of values that JSON has, and bytes."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any

from dlas import artifacts, fingerprint, host
from dlas.artifacts import Artifact, Store
from dlas.errors import BuildFailed, DlasError
from dlas.measure.lock import measuring_lock
from dlas.process import Message, describe
from dlas.study import shipping
from dlas.study.crew import Children, Here, own_environment
from dlas.study.shipping import Piece
from dlas.study.timing import time_cells
from dlas.study.wire import Recorder, read_order, read_step, write_timed

TOPIC = "dlas-progress"
PAUSE = 1.0  # s between two words of one task about its progress
# Dask's nanny changes how memory is given back in all that a worker starts; what is measured shall be as elsewhere.
_OF_THE_NANNY = "MALLOC_TRIM_THRESHOLD_"


def _answered(work: Callable[..., Message]) -> Callable[..., Message]:
    """A task that gives errors back as messages: the client revives them, whatever its Dask thinks of them."""

    @wraps(work)
    def answering(*arguments: Any) -> Message:
        try:
            return work(*arguments)
        except DlasError as problem:
            return {"error": describe(problem)}

    return answering


@_answered
def introduce(code: Sequence[str], packages: Sequence[str]) -> Message:
    """What this worker is: its host, its software, and what of that enters keys."""
    return {
        "host": asdict(host.probe()),
        "environment": own_environment(),
        "code": {package: fingerprint.package_code(package) for package in code},
        "packages": {package: fingerprint.package_version(package) for package in packages},
    }


# --- artifacts --------------------------------------------------------------------------------------------------------


@_answered
def lacking(keys: Sequence[str]) -> Message:
    """Which artifacts are not in this worker's store."""
    store = _store()
    return {"keys": [key for key in keys if store.get(key) is None]}


@_answered
def receive(key: str, shipment: str, pieces: Sequence[Piece], last: bool) -> Message:
    """Take in one load of an artifact; with the last one it is checked and published."""
    store = _store()
    folder = store.root / "work" / f"{key}-{shipment}"
    shipping.unpack(folder, pieces)
    if last:
        store.adopt(key, folder)
    return {}


@_answered
def send(key: str, number: int) -> Message:
    """One load of an artifact of this worker's."""
    artifact = _artifact(_store(), key)
    return {"pieces": shipping.pack(artifact, number), "loads": shipping.loads(artifact)}


# --- building and measuring -------------------------------------------------------------------------------------------


@_answered
def build(step: Message, timeout: float, call: str) -> Message:
    """Do a build step whose inputs are here."""
    say = _speaker(call)
    Children(_store()).make(read_step(step), timeout, lambda progress: say(progress))
    return {}


@_answered
def glance() -> Message:
    """How noisy this host is now."""
    return asdict(Here(_store(), host.probe()).glance())


@_answered
def peak() -> Message:
    """What one thread can reach on this host."""
    return asdict(Here(_store(), host.probe()).peak())


@_answered
def measure(order: Message, call: str) -> Message:
    """Time one set of fresh processes, alone on this host."""
    os.environ.pop(_OF_THE_NANNY, None)
    say = _speaker(call)
    notes = Recorder(say)
    say("waiting for the host's measuring lock")
    with measuring_lock():
        timed = time_cells(read_order(order), _store(), host.probe(), notes)
    return {"events": notes.events, "timed": [write_timed(one) for one in timed]}


def _store() -> Store:
    store = artifacts.users()
    store.prepare()
    return store


def _artifact(store: Store, key: str) -> Artifact:
    artifact = store.get(key)
    if artifact is None:
        raise BuildFailed(f"artifact {key[:12]} is not on {Path(store.root)} any more; run again")
    return artifact


def _speaker(call: str) -> Callable[[Any], None]:
    """A function that tells the client of that call something, now and then."""
    import distributed

    worker = distributed.get_worker()
    spoken = [float("-inf")]

    def say(what: Any) -> None:
        now = time.monotonic()
        if now - spoken[0] >= PAUSE:
            spoken[0] = now
            worker.log_event(TOPIC, {"call": call, "what": what})

    return say
