"""What the image is made of, as far as it can be seen without building it; `docker/check.sh` builds it."""

import re
import tomllib
from pathlib import Path

import agree
import requirements
import yaml
from handmade import cube_of, measured, stack

from dlas import cube

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


def test_a_container_agrees_or_it_is_told_in_which_cell_not(tmp_path):
    def saved(name, *figures):
        compressions = ("none", "int8", "fp16", "ternary", "channel-prune@0.5", "bf16")
        values = {
            stack(compression=c): measured(clock="cpu", **more) for c, more in zip(compressions, figures, strict=True)
        }
        cube.save(cube_of(values), tmp_path / name)
        return str(tmp_path / name)

    def seconds(value):
        return {"latency": value, "latency_low": 0.98 * value, "latency_high": 1.02 * value}

    noisy, lost = {"status": "unstable", **seconds(9e-3)}, {"status": "failed"}
    outside = saved("outside.nc", {}, {}, {}, {}, {}, {})
    inside = saved("inside.nc", {}, {"accuracy": 0.981}, seconds(2e-3), seconds(1.01e-3), noisy, lost)
    assert agree.disagreements(outside, inside) == [
        "compression=int8: accuracy differs by +0.10 pp",
        "compression=fp16: 2.000 times the latency",
        "compression=bf16: ok outside, failed inside",
    ]
    assert agree.disagreements(outside, outside) == []
