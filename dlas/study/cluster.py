"""A Dask cluster: which workers may take part in a study, tasks on one of them, artifacts to it and from it."""

import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from dlas import fingerprint
from dlas.artifacts import Artifact, Store
from dlas.errors import BuildFailed, StudyError
from dlas.host import Host, revive
from dlas.process import Message
from dlas.process import revive as revive_error
from dlas.study import shipping, tasks
from dlas.study.crew import Unserved
from dlas.study.spec import Study

CONNECT = 10  # s until a scheduler must have answered
FETCH = 60.0  # s for one answer to arrive: at most 8 MiB of an artifact, or the samples of a block
POLL = 0.5  # s between two looks at whether a task's worker is still there
_ENCRYPTED = ("tls", "wss")  # protocols


class Lost(Exception):
    """The worker of a task went away."""


@dataclass(frozen=True)
class Worker:
    """A worker that takes part: where it is, what it is, how many tasks it does at a time, the names it carries."""

    address: str
    host: Host
    environment: Mapping[str, Any]
    threads: int
    names: tuple[str, ...]


class Cluster:
    """A connection to a scheduler; `refused` says of workers that may not take part why."""

    def __init__(self, address: str, study: Study) -> None:
        """Connect; raises StudyError where nothing answers, or where the wire is open to others."""
        self._address = address
        self._client = _connect(address)
        self._expected = _ingredients(study)
        self._workers: dict[str, Worker] = {}
        self.refused: dict[str, str] = {}
        self._looking = threading.Lock()
        self._shipping: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._listeners: dict[str, Callable[[Any], None]] = {}
        self._client.subscribe_topic(tasks.TOPIC, self._hear)

    def stop(self) -> None:
        """Let go of the scheduler; whoever waits for a task is told that it is gone."""
        self._client.close(timeout=CONNECT)

    # --- who takes part

    def workers(self) -> dict[str, Worker]:
        """The workers that take part, as they are now, by address; new ones are asked what they are."""
        with self._looking:
            there = self._ask(lambda: self._client.scheduler_info(n_workers=-1)["workers"])
            self._workers = {address: w for address, w in self._workers.items() if address in there}
            self.refused = {address: why for address, why in self.refused.items() if address in there}
            new = [address for address in there if address not in {**self._workers, **self.refused}]
            if new:
                self._introduce(new, there)
            return dict(self._workers)

    def _introduce(self, new: Sequence[str], there: Mapping[str, Any]) -> None:
        asked = {"workers": list(new), "on_error": "return"}
        code, packages = list(self._expected["code"]), list(self._expected["packages"])
        answers = self._ask(lambda: self._client.run(tasks.introduce, code, packages, **asked))
        for address, answer in answers.items():
            why = refusal(self._expected, answer)
            if why:
                self.refused[address] = why
                continue
            facts = there[address]
            self._workers[address] = Worker(
                address, revive(answer["host"]), answer["environment"], facts["nthreads"], tuple(facts["resources"])
            )

    # --- tasks

    def call(
        self, worker: Worker, task: Callable[..., Message], *arguments: Any, name: str = "", hear: Any = None
    ) -> Message:
        """What a task answers on that very worker; raises Lost if it goes away, and what the task raised.

        With `name` it takes the worker's resource of that name; `hear` is told of its progress.
        """
        call = uuid.uuid4().hex
        if hear:
            self._listeners[call] = hear
            arguments = (*arguments, call)
        try:
            future = self._ask(
                lambda: self._client.submit(
                    task,
                    *arguments,
                    pure=False,
                    workers=[worker.address],
                    allow_other_workers=False,
                    resources={name: 1} if name else None,
                )
            )
            answer: Message = self._result(future, worker)
        finally:
            self._listeners.pop(call, None)
        if "error" in answer:
            raise revive_error(answer["error"])
        return answer

    def _result(self, future: Any, worker: Worker) -> Message:
        """A task's answer; one whose worker is gone would wait for ever."""
        import distributed

        problem = self._end(future, worker)
        if isinstance(problem, distributed.KilledWorker):
            raise Lost(worker.address)
        if problem:
            raise BuildFailed(f"worker {worker.address}: {type(problem).__name__}: {problem}") from problem
        try:
            answer: Message = self._ask(lambda: future.result(timeout=FETCH))
        except TimeoutError:  # it was done, but its answer went with its worker
            future.cancel()
            raise Lost(worker.address) from None
        return answer

    def _end(self, future: Any, worker: Worker) -> Exception | None:
        """What a task raised, once it has ended."""
        while True:
            try:
                problem: Exception | None = self._ask(lambda: future.exception(timeout=POLL))
            except TimeoutError:
                if worker.address not in self.workers():
                    future.cancel()
                    raise Lost(worker.address) from None
            else:
                return problem

    def _hear(self, event: tuple[float, Message]) -> None:
        _, said = event
        listener = self._listeners.get(said["call"])
        if listener:
            listener(said["what"])

    def _ask(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except TimeoutError:
            raise
        except (OSError, CancelledError, RuntimeError) as problem:
            raise self._gone(problem) from problem

    def _gone(self, problem: BaseException) -> Unserved:
        kind = type(problem).__name__
        return Unserved(f"the scheduler at {self._address} went away ({kind}); the same command goes on from here")

    # --- artifacts

    def ship(self, worker: Worker, store: Store, keys: Sequence[str]) -> None:
        """Bring artifacts to a worker, each once; raises Lost."""
        with self._shipping[worker.address]:
            for key in self.call(worker, tasks.lacking, list(dict.fromkeys(keys)))["keys"]:
                artifact = _there(store, key)
                shipment, count = uuid.uuid4().hex, shipping.loads(artifact)
                for number in range(count):
                    load = shipping.pack(artifact, number)
                    self.call(worker, tasks.receive, key, shipment, load, number == count - 1)

    def fetch(self, worker: Worker, store: Store, key: str) -> None:
        """Bring an artifact that a worker made into the store, unless both have the same store; raises Lost."""
        if store.get(key):
            return
        folder = store.root / "work" / f"{key}-{uuid.uuid4().hex}"
        number, count = 0, 1
        while number < count:
            answer = self.call(worker, tasks.send, key, number)
            shipping.unpack(folder, answer["pieces"])
            number, count = number + 1, answer["loads"]
        store.adopt(key, folder)


def _connect(address: str) -> Any:
    try:
        import distributed
    except ImportError:
        raise StudyError("--scheduler needs the package distributed; install dlas[distributed]") from None
    try:
        if not _is_closed(address):
            raise StudyError(
                f"--scheduler {address}: Dask runs whatever reaches it, so beyond loopback it must be tls://; "
                "docs/distributed.md shows how"
            )
        return distributed.Client(address, timeout=CONNECT, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TypeError) as problem:
        raise StudyError(
            f"no scheduler answers at {address} ({problem}); start one with `dask scheduler`, name its address"
        ) from problem


def _is_closed(address: str) -> bool:
    """Whether nobody else can listen: by encryption, or because the host, as Dask reads it, is this very machine."""
    from distributed.comm.addressing import get_address_host

    if address.partition("://")[0] in _ENCRYPTED:
        return True
    host = get_address_host(address)
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # another name
        return False


def _ingredients(study: Study) -> dict[str, dict[str, str | None]]:
    """What enters keys or decides what is measured: all code of dlas and of plug-ins, versions of packages."""
    options = {option for stack in study.stacks() for layer in stack.as_dict() for option in stack.options(layer)}
    code = sorted({"dlas", *(type(option).__module__.partition(".")[0] for option in options)})
    packages = sorted({name for option in options for name in getattr(option, "packages", ())})
    return {
        "code": {package: fingerprint.package_code(package) for package in code},
        "packages": {package: fingerprint.package_version(package) for package in packages},
    }


def refusal(expected: Mapping[str, Mapping[str, str | None]], answer: Any) -> str:
    """Why a worker that introduced itself may not take part; empty if it may. `answer` may be what it raised."""
    if not isinstance(answer, dict):
        return f"it cannot run this dlas ({type(answer).__name__}: {answer}); install the same version there"
    if "error" in answer:
        return str(answer["error"]["message"])
    for package, here in expected["code"].items():
        if answer["code"][package] != here:
            return f"its code of {package} is another than here; install the same version there"
    for package, here in expected["packages"].items():
        there = answer["packages"][package]
        if there != here:
            return f"it has {package} {there or '(not installed)'}, here it is {here or 'none'}; make them the same"
    return ""


def _there(store: Store, key: str) -> Artifact:
    artifact = store.get(key)
    if artifact is None:
        raise BuildFailed(f"artifact {key[:12]} is not in the store any more; run again")
    return artifact
