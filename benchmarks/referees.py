"""Other people's loops over the same executables, each in a process of its own, pinned as dlas pins its children.

Run as a script, it is ONNX Runtime's own loop: `referees.py MODEL SECONDS THREADS` prints the median seconds of
`session.run`.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from dlas.layers.codegen import onnxruntime as ort
from dlas.layers.codegen import openvino as ov
from dlas.measure.session import Subject
from dlas.process import environment

UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
MEDIAN = re.compile(r"Median:\s+([\d.]+)\s+(\w+)")
WARM_UP = 0.5  # s
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


def session_run(subject: Subject, seconds: float) -> float:
    """Median seconds of an inference by ONNX Runtime's `session.run` in a plain loop."""
    threads = subject.command.place.threads
    argv = [sys.executable, __file__, str(subject.executable / ort.MODEL), str(seconds), str(threads)]
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


def _loop(model: str, seconds: float, threads: int) -> float:
    """The loop that anybody would write around `session.run`: warm up, time each call, take the median."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
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


if __name__ == "__main__":
    print(_loop(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))
