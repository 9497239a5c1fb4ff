"""Other people's loops over the same executables, each in a process of its own, pinned as dlas pins its children.

Run as a script, it is such a loop: `referees.py session_run MODEL SECONDS THREADS` prints the median seconds of ONNX
Runtime's `session.run`, `referees.py time_evaluator LIBRARY SECONDS SHAPE` those of TVM's own evaluator, and
`referees.py beyond_request MODEL SECONDS THREADS` what a call takes beyond what OpenVINO's request tells of itself.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from dlas import artifacts
from dlas.layers.codegen import batch_shape
from dlas.layers.codegen import onnxruntime as ort
from dlas.layers.codegen import openvino as ov
from dlas.layers.codegen.tvm.runner import LIBRARY
from dlas.measure.session import Subject
from dlas.process import environment

UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
MEDIAN = re.compile(r"Median:\s+([\d.]+)\s+(\w+)")
WARM_UP = 0.5  # s
OVERHEAD = 2.0  # s
REPEAT = 10  # ms
SYNCHRONOUS = "-d CPU -api sync -hint none -nstreams 1 -nireq 1 -infer_precision f32 -inference_only"


def benchmark_app(subject: Subject, seconds: float) -> float:
    """Median seconds of an inference by OpenVINO's benchmark_app, which measures for at least that long.

    It takes whole seconds only.
    """
    program = Path(sys.executable).with_name("benchmark_app")
    threads = subject.command.place.threads
    budget = str(max(1, round(seconds)))
    model = str(subject.executable / ov.MODEL)
    said = _run([str(program), "-m", model, *SYNCHRONOUS.split(), "-nthreads", str(threads), "-t", budget], subject)
    found = MEDIAN.search(said)
    if not found:
        raise SystemExit(f"benchmark_app told no median: {said[-500:]}")
    return float(found[1]) * UNITS[found[2]]


def beyond_request(subject: Subject) -> float:
    """Median seconds of a call into OpenVINO beyond what the request tells of itself, which is benchmark_app's figure.

    Between inferences, which empty the caches, that is more than between calls that compute nothing.
    """
    return _script(subject, "beyond_request", ov.MODEL, OVERHEAD, str(subject.command.place.threads))


def session_run(subject: Subject, seconds: float) -> float:
    """Median seconds of an inference by ONNX Runtime's `session.run` in a plain loop."""
    return _script(subject, "session_run", ort.MODEL, seconds, str(subject.command.place.threads))


def time_evaluator(subject: Subject, seconds: float) -> float:
    """Median seconds of an inference by TVM's `time_evaluator`, over repeats of at least 10 ms."""
    executable = artifacts.read(subject.executable)
    assert executable is not None
    shape = "x".join(map(str, batch_shape(executable)))
    return _script(subject, "time_evaluator", LIBRARY, seconds, shape)


def _script(subject: Subject, loop: str, file: str, seconds: float, last: str) -> float:
    argv = [sys.executable, __file__, loop, str(subject.executable / file), str(seconds), last]
    return float(_run(argv, subject).splitlines()[-1])


def _run(argv: list[str], subject: Subject) -> str:
    """What a program prints that runs where the subject's child would."""
    command = subject.command
    env = {**environment(command.place.threads), **subject.ceiling}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        os.sched_setaffinity(process.pid, command.cpus)
        said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{argv[0]} failed: {said[-500:]}")
    return said


def _session_run(model: str, seconds: float, threads: str) -> float:
    """The loop that anybody would write around `session.run`: warm up, time each call, take the median."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    fed = {taken.name: np.random.default_rng(0).standard_normal(taken.shape, dtype=np.float32)}
    times: list[float] = []
    start = time.perf_counter()
    while (now := time.perf_counter()) < start + WARM_UP + seconds:
        session.run(None, fed)
        if now >= start + WARM_UP or not times:
            times.append(time.perf_counter() - now)
    return median(times)


def _time_evaluator(library: str, seconds: float, shape: str) -> float:
    """TVM's evaluator: warm up, then as many repeats as the time allows."""
    import numpy as np

    os.environ.update({"TVM_USE_RUNTIME_LIB": "1", "TVM_BIND_THREADS": "0"})
    import tvm
    from tvm.runtime.vm import VirtualMachine

    machine = VirtualMachine(tvm.runtime.load_module(library), tvm.cpu())
    sizes = [int(extent) for extent in shape.split("x")]
    images = tvm.runtime.tensor(np.random.default_rng(0).standard_normal(sizes, dtype=np.float32))

    def repeats(duration: float) -> list[float]:
        count = max(1, round(1e3 * duration / REPEAT))
        told = machine.time_evaluator("main", tvm.cpu(), number=1, repeat=count, min_repeat_ms=REPEAT)(images)
        return list(told.results)

    repeats(WARM_UP)
    return median(repeats(seconds))


def _beyond_request(model: str, seconds: float, threads: str) -> float:
    """dlas's own runner in a plain loop, by the wall clock and by its request's."""
    from dlas import registry
    from dlas.host import Place

    executable = artifacts.read(Path(model).parent)
    assert executable is not None
    (option,) = registry.parse("codegen", executable.recipe["option"])
    runner = option.load(executable, Place("cpu", 0, int(threads)))
    times: list[float] = []
    start = time.perf_counter()
    while (now := time.perf_counter()) < start + WARM_UP + seconds:
        runner.infer()
        if now >= start + WARM_UP or not times:
            times.append(time.perf_counter() - now - runner.request.latency * UNITS["ms"])
    return median(times)


LOOPS = {"beyond_request": _beyond_request, "session_run": _session_run, "time_evaluator": _time_evaluator}

if __name__ == "__main__":
    print(LOOPS[sys.argv[1]](sys.argv[2], float(sys.argv[3]), sys.argv[4]))
