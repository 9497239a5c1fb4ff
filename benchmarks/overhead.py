"""How much of a study's wall time dlas spends on itself: no child builds, loads, scores or measures.

Runs the demo study in an empty store and watches, every 5 ms, whether any child process is at work; then runs it
again, when there is nothing left to do; then plans 10,000 cells. `--quick` leaves most compressions out.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from reporting import arguments, publish

TICK = 0.005
LEVELS = {"model": "resnet8@seed=0:49:1", "compression": "weight-prune@0.01:0.98:0.01", "codegen": "onnxruntime torch"}


def watched(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall seconds of a command, and those in which it had no child."""
    start = time.monotonic()
    idle = 0.0
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        parent = psutil.Process(process.pid)
        before = start
        while process.poll() is None:
            time.sleep(TICK)
            now = time.monotonic()
            if not _children(parent):
                idle += now - before
            before = now
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.monotonic() - start, idle


def _children(parent: psutil.Process) -> list[psutil.Process]:
    try:
        return parent.children()
    except psutil.NoSuchProcess:
        return []


def planning_seconds(folder: Path, environment: dict[str, str]) -> float:
    """Wall seconds of `dlas plan` for 10,000 cells."""
    vary = "\n".join(f'vary.{layer} = ["{text}"]' for layer, text in LEVELS.items() if " " not in text)
    study = f'[baseline]\ncodegen = "onnxruntime"\n[[part]]\nvary.codegen = ["torch"]\n{vary}\n'
    (folder / "large.toml").write_text(study, encoding="utf-8")
    start = time.monotonic()
    command = [sys.executable, "-m", "dlas", "plan", str(folder / "large.toml")]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def main() -> None:
    """Measure and publish."""
    asked = arguments(__doc__ or "")
    layer = "compression=channel-prune@0.5" if asked.quick else "compression"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "DLAS_STORE": str(folder / "store")}
        command = [sys.executable, "-m", "dlas", "perturb", "--layer", layer, "--out", str(folder / "cube.nc")]
        wall, idle = watched([*command, "--quiet"], environment)
        again, _ = watched([*command, "--quiet"], environment)
        figures = {
            "study_seconds": wall,
            "overhead_seconds": idle,
            "overhead_share": idle / wall,
            "again_seconds": again,
            "plan_10000_cells_seconds": planning_seconds(folder, environment),
        }
    publish(figures, asked.json)


if __name__ == "__main__":
    main()
