"""What the image is made of, as far as it can be seen without building it; `docker/check.sh` builds it."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import agree
import numpy as np
import requirements
import yaml
from handmade import cube_of, interval, measured, stack

DOCKER = Path(__file__).parents[2] / "docker"


def test_the_image_installs_what_the_extra_all_asks_for():
    found = requirements.requirements(tomllib.loads((DOCKER.parent / "pyproject.toml").read_text(encoding="utf-8")))
    names = {re.split("[<>=!]", text)[0] for text in found}
    assert {"numpy", "torch", "openvino", "onnxruntime", "apache-tvm", "distributed", "altair"} <= names
    assert not {"pytest", "dlas"} & names


def test_everything_that_is_copied_is_let_through_to_the_build():
    dockerfile = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [word for line in re.findall(r"^COPY (.*)", dockerfile, re.M) for word in line.split()[:-1]]
    assert all(f"!{path}" in ignored and (DOCKER.parent / path).exists() for path in copied)


def test_the_services_meet_on_one_loopback_as_dlas_asks():
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))["services"]
    workers = [service for name, service in services.items() if name != "scheduler"]
    assert len(workers) == 3
    assert all(service["network_mode"] == "service:scheduler" for service in workers)
    assert [name for name, service in services.items() if "lab=1" in service.get("entrypoint", ())] == ["one"]
    address = services["study"]["command"][-1]
    assert address.startswith("tcp://127.0.0.1:")


COMPRESSIONS = ("none", "int8", "fp16", "ternary", "channel-prune@0.5", "bf16")


def cube(*figures):
    """A cell for each compression with figures of its own."""
    stacks = [stack(compression=compression) for compression in COMPRESSIONS[: len(figures)]]
    return cube_of(
        {one: measured(**{"clock": "cpu", **interval("accuracy", 0.9, 0.89, 0.91), **more})
         for one, more in zip(stacks, figures, strict=True)}
    )  # fmt: skip


def seconds(value, **more):
    return {**interval("latency", value, 0.98 * value, 1.02 * value), **more}


def test_a_container_agrees_or_it_is_told_in_which_cell_not():
    noisy, lost = {"status": "unstable", **seconds(9e-3)}, {"status": "failed"}
    outside = cube({}, {}, {}, {}, {}, {})
    inside = cube({}, {"accuracy": 0.901}, seconds(2e-3), seconds(1.01e-3), noisy, lost)
    assert agree.disagreements(outside, inside) == [
        "compression=int8: accuracy differs by +0.10 pp",
        "compression=fp16: 2.000 times the latency",
        "compression=bf16: ok outside, failed inside",
    ]
    assert agree.disagreements(outside, outside) == []
    assert agree.agreement(outside, outside) == (
        "the container agrees: accuracies are equal, of 6 latencies none differs beyond noise"
    )


def test_under_another_python_latencies_of_pytorch_are_not_compared():
    stacks = [stack(), stack(codegen="torch"), stack(codegen="torch", compression="int8")]

    def with_python(version, own, accuracy=0.9):
        figures = [{}, own, {**own, **interval("accuracy", accuracy, 0.89, 0.91)}]
        found = cube_of({s: measured(**{"clock": "cpu", **more}) for s, more in zip(stacks, figures, strict=True)})
        return found.assign_attrs(environment=json.dumps({"python": version}))

    outside = with_python("3.11.7", seconds(1e-3))
    assert agree.disagreements(outside, with_python("3.11.7", seconds(2e-3))) != []
    inside = with_python("3.11.2", seconds(2e-3))
    assert agree.disagreements(outside, inside) == []
    assert agree.agreement(outside, inside) == (
        "the container agrees: accuracies are equal, of 1 latencies none differs beyond noise; "
        "2 of PyTorch are not compared, between Python 3.11.7 and 3.11.2"
    )
    assert agree.disagreements(outside, with_python("3.11.2", seconds(2e-3), 0.905)) == [
        "compression=int8 codegen=torch: accuracy differs by +0.50 pp"
    ]


def test_cells_timed_by_other_clocks_are_compared_by_their_ratios_to_the_baseline():
    def with_ratio(clock, value):
        return seconds(1e-3, clock=clock, **interval("relative_latency", value, 0.98 * value, 1.02 * value))

    outside = cube({}, with_ratio("cpu", 0.5), with_ratio("cpu", 0.5), with_ratio("cpu", 0.5))
    inside = cube({}, with_ratio("wall", 0.6), with_ratio("wall", 0.501), with_ratio("wall", np.nan))
    assert agree.disagreements(outside, inside) == [
        "compression=ternary: neither latency nor ratio to the baseline can be compared",
        "compression=int8: 1.200 times the ratio to the baseline",
    ]
    assert agree.agreement(outside, inside) == (
        "the container agrees: accuracies are equal, of 4 latencies (3 timed by other clocks: their ratios to the "
        "baseline) none differs beyond noise"
    )


def test_the_base_image_is_pinned_to_a_patch_of_python():
    assert re.search(r"^FROM python:3\.11\.\d+-slim-bookworm$", (DOCKER / "Dockerfile").read_text("utf-8"), re.M)


def test_a_check_skips_where_one_of_its_tools_is_missing(tmp_path):
    """In a shell where three of the four are there and nothing can be installed."""
    for tool in ("buildah", "podman", "runc", "apt-get"):
        (tmp_path / tool).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / tool).chmod(0o755)
    (tmp_path / "id").write_text("#!/bin/sh\necho 0\n")
    (tmp_path / "id").chmod(0o755)
    for tool in ("bash", "dirname", "realpath", "sed"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    done = subprocess.run(
        ["bash", DOCKER / "check.sh"], env={"PATH": str(tmp_path), "DLAS_CHECK": str(tmp_path / "work")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (
        0, "docker/check.sh: skipped: cannot install buildah podman runc debootstrap\n"
    )  # fmt: skip
