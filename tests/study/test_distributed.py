"""Studies on a Dask cluster: a scheduler and workers in processes of their own, as a user starts them."""

import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

import dlas

pytest.importorskip("distributed")

MEASURED = {"ok", "unstable"}
TOYS = 'vary.codegen = ["toygen@1:{}:1"]'
AT_LAB = 'hardware = "cpu@at=lab"'
QUICK = 'margin = "60%"\nbudget = "60ms"\nprocesses = 1\ntimeout = "20s"'


class Cluster:
    """A scheduler on loopback, and workers."""

    def __init__(self, bench):
        self.bench = bench
        self.started = []
        said = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.address = next(line for line in said if "Scheduler at:" in line).split()[-1]

    def worker(self, name, *, carries="lab", **environment):
        """Start a worker with a store of its own; its process."""
        env = {"DLAS_STORE": str(self.bench.folder / f"store of {name}"), **environment}
        resources = ["--resources", f"{carries}=1"] if carries else []
        arguments = ["--name", name, "--nthreads", "1", "--no-nanny", "--no-dashboard", *resources]
        self._start("worker", self.address, *arguments, until="Registered to", environment=env)
        return self.started[-1]

    def _start(self, what, *arguments, until="Scheduler at:", environment=()):
        command = [sys.executable, "-m", "distributed.cli.dask_" + what, *arguments]
        process = subprocess.Popen(
            command,
            cwd=self.bench.folder,
            env={**self.bench.env, **dict(environment)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        said = []
        for line in process.stdout:
            said.append(line)
            if until in line:
                return said
        raise AssertionError("".join(said))

    def end(self):
        for process in reversed(self.started):
            process.kill()
            process.communicate()


@pytest.fixture
def cluster(bench):
    cluster = Cluster(bench)
    yield cluster
    cluster.end()


def table(cube):
    return dlas.open_cube(cube).dlas.frame()


def write(bench, parts, baseline=AT_LAB, measure=QUICK):
    """The study of toys with the baseline on a host by name."""
    bench.write(parts, measure)
    file = bench.folder / "toys.toml"
    file.write_text(file.read_text().replace('codegen = "toygen"\n', f'codegen = "toygen"\n{baseline}\n', 1))


def test_workers_build_and_measure_and_nothing_is_left_to_do(bench, cluster):
    cluster.worker("one", TOY_LOG=str(bench.folder / "log of one"))
    write(bench, "[[part]]\n" + TOYS.format(3))
    said = bench.run("--scheduler", cluster.address)
    assert "on lab" in said
    found = table(bench.cube)
    assert set(found["status"]) <= MEASURED, found["reason"]
    assert found["relative_latency"].notna().all()
    assert bench.done() == [], "the steps were done by the worker"
    assert len((bench.folder / "log of one").read_text().splitlines()) == 5
    # What was measured there is known without the cluster, and nothing of it is missing.
    bench.run()
    assert table(bench.cube).equals(found)
    assert len((bench.folder / "log of one").read_text().splitlines()) == 5


def test_a_name_that_nobody_carries_is_told_and_the_rest_is_measured(bench, cluster):
    cluster.worker("one")
    bench.write('[[part]]\nvary.hardware = ["cpu@at=lab", "cpu@at=nowhere"]')
    bench.run("--scheduler", cluster.address)
    found = table(bench.cube).set_index("hardware")
    assert found.loc["cpu", "status"] in MEASURED
    assert found.loc["cpu@at=lab", "status"] in MEASURED
    assert found.loc["cpu@at=nowhere", "status"] == "missing"
    assert found.loc["cpu@at=nowhere", "reason"] == (
        "no worker carries nowhere within 10 s; start one there with --resources nowhere=1, then run again"
    )
    # One machine under two names: still two hosts, which are not compared.
    assert found.loc["cpu@at=lab", "remark"] == "hosts are not compared; the others on lab are compared with this one"
    assert found["relative_latency"].isna().to_dict() == {"cpu": False, "cpu@at=lab": True, "cpu@at=nowhere": True}


def test_a_worker_with_other_code_is_refused_by_name(bench, cluster, toy_stack_site, tmp_path):
    other = shutil.copytree(toy_stack_site, tmp_path / "other site")
    module = other / "dlas_toy_stack.py"
    module.write_text(module.read_text() + "\nANOTHER = 1\n")
    path = os.pathsep.join([str(other), *bench.env["PYTHONPATH"].split(os.pathsep)[1:]])
    cluster.worker("other", PYTHONPATH=path)
    write(bench, "[[part]]\n" + TOYS.format(2))
    process = bench.start("--scheduler", cluster.address)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "the cluster has no worker that can take part (tcp://127.0.0.1:" in said
    assert "was refused: its code of dlas_toy_stack is another than here; install the same version there" in said


@pytest.mark.slow
def test_a_worker_killed_while_it_measures_loses_nothing(bench, cluster):
    workers = {"one": cluster.worker("one"), "two": cluster.worker("two")}
    write(bench, "[[part]]\n" + TOYS.format(4), measure='margin = "0.01%"\nbudget = "3s"\nprocesses = 2')
    process = bench.start("--scheduler", cluster.address)
    killed = ""
    while process.poll() is None and not killed:
        for name, worker in workers.items():
            if len(psutil.Process(worker.pid).children()) == 5:  # the cells and the reference kernel
                time.sleep(0.5)
                os.kill(worker.pid, signal.SIGKILL)
                killed = name
                break
        time.sleep(0.05)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert killed
    assert "its worker was lost" in said
    found = table(bench.cube)
    assert set(found["status"]) <= MEASURED, found["reason"]
    assert (found["processes"] >= 2).all()


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_sixty_cells_on_two_workers_have_the_statuses_and_accuracies_that_they_have_here(bench, cluster):
    for name in ("one", "two"):
        cluster.worker(name)
    wrongs = ", ".join(f'"toygen@{n},behaviour={b}"' for n in (1, 2, 3) for b in ("wrong", "threads", "build-raise"))
    parts = f'[[part]]\nvary.codegen = ["toygen@1:51:1", {wrongs}]'
    bench.write(parts)
    bench.run(timeout=700)
    here = table(bench.cube).set_index("codegen")
    bench.cube.unlink()
    bench.journal.unlink()
    shutil.rmtree(bench.folder / "store")
    write(bench, parts)
    bench.run("--scheduler", cluster.address, timeout=700)
    there = table(bench.cube).set_index("codegen")
    assert len(there) == 60
    calm = {"unstable": "ok"}  # which of the two it is tells of the machine, not of the cell
    assert there["status"].replace(calm).equals(here["status"].replace(calm))
    for column in ("reason", "accuracy", "agreement", "size"):
        decided = here["status"] != "unstable" if column == "reason" else here["status"] != ""
        same = there[column].where(there["status"] != "unstable", "") if column == "reason" else there[column]
        assert same[decided].equals(here[column][decided])
