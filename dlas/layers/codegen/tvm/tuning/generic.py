"""MetaSchedule's own design space and evolutionary search, in a child of its own: it proposes, others time."""

import json
import sys
import types
from pathlib import Path
from typing import Any

from dlas import process
from dlas.errors import BuildFailed
from dlas.process import Child, Message, environment

COMMAND = (sys.executable, "-m", "dlas.layers.codegen.tvm.tuning.generic")
TIMEOUT = 600.0  # s of one round of proposals
_ROUND = 8  # candidates of a round
_POPULATION = 64  # the default of 512 takes minutes a round
_INTRINSICS = "tvm.s_tir.tensor_intrin"
_SEED = 1


class Proposer:
    """The search of one kernel; what it proposes are traces, as JSON texts."""

    def __init__(self, folder: Path, isa: str, trials: int) -> None:
        """Open the search on a kernel that `tasks.Kernel.save` wrote; raises BuildFailed where there is no space."""
        self._child = Child(COMMAND, environment(1))
        self._child.ask({"do": "open", "kernel": str(folder), "isa": isa, "trials": trials}, TIMEOUT)

    def proposals(self) -> list[str]:
        """The next candidates; none when the search has ended."""
        traces: list[str] = self._child.ask({"do": "propose"}, TIMEOUT)["traces"]
        return traces

    def tell(self, seconds: list[float | None]) -> None:
        """The times of the candidates last proposed; None for one that did not run."""
        self._child.ask({"do": "tell", "seconds": seconds}, TIMEOUT)

    def close(self) -> None:
        """End the search."""
        self._child.close()


# --- the child's side ---------------------------------------------------------------------------------------------


class _Searching:
    """MetaSchedule's objects, alive between requests."""

    def answer(self, request: Message, _: process.Report) -> Message:
        verbs = {"open": self._open, "propose": self._propose, "tell": self._tell}
        return verbs[request["do"]](request)

    def _open(self, request: Message) -> Message:
        _without_cuda()
        import tvm
        from tvm import ir
        from tvm.s_tir import meta_schedule

        from dlas.layers.codegen.tvm.tuning import tasks
        from dlas.tensorir.machine import machine

        (function,) = ir.load_json(
            (Path(request["kernel"]) / tasks.MODULE).read_text(encoding="utf-8")
        ).functions.values()
        strategy = meta_schedule.search_strategy.EvolutionarySearch(
            population_size=_POPULATION, init_min_unmeasured=_ROUND
        )
        self._context = meta_schedule.TuneContext(
            function,
            target=tvm.target.Target({"kind": "llvm", "mcpu": machine(request["isa"]).cpu, "num-cores": 1}),
            space_generator="post-order-apply",
            search_strategy=strategy,
            num_threads=1,
            rand_state=_SEED,
        )
        self._context.pre_tuning(request["trials"], _ROUND)
        return {}

    def _propose(self, _: Message) -> Message:
        self._candidates = self._context.generate_measure_candidates() or []
        return {"traces": [_text(candidate.sch.trace) for candidate in self._candidates]}

    def _tell(self, request: Message) -> Message:
        from tvm.s_tir.meta_schedule.runner import RunnerResult

        results = [RunnerResult([s], None) if s else RunnerResult(None, "it did not run") for s in request["seconds"]]
        self._context.notify_runner_results(self._candidates, results)
        return {}


def _without_cuda() -> None:
    """Put a package of the processor's intrinsics in place of TVM's, which parses those of every GPU for 45 s."""
    import tvm.s_tir

    stub = types.ModuleType(_INTRINSICS)
    stub.__path__ = [str(Path(str(tvm.s_tir.__file__)).parent / "tensor_intrin")]
    sys.modules.setdefault(_INTRINSICS, stub)
    import tvm.s_tir.tensor_intrin.x86


def _text(trace: Any) -> str:
    return json.dumps(_plain(trace.as_json()))


def _plain(value: Any) -> Any:
    """TVM's arrays and numbers as JSON has them."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "__iter__"):
        return [_plain(item) for item in value]
    return value.value  # a number of the compiler's


# --- applying -----------------------------------------------------------------------------------------------------


def applied(function: Any, trace: str) -> Any:
    """The kernel as a trace schedules it; raises BuildFailed where it does not fit."""
    _without_cuda()
    from tvm import ir
    from tvm.s_tir import Schedule
    from tvm.s_tir.schedule import Trace

    named = function.with_attr("global_symbol", "main").with_attr("tirx.noalias", True)
    schedule = Schedule(ir.IRModule({"main": named}))
    try:
        Trace.apply_json_to_schedule(json.loads(trace), schedule)
    except (RuntimeError, ValueError, TypeError) as problem:
        raise BuildFailed(f"a recorded trace does not fit its kernel: {problem}") from problem
    return schedule.mod["main"].without_attr("global_symbol")  # a network has several, and a function main of its own


if __name__ == "__main__":
    process.serve(_Searching().answer)
