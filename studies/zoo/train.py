"""Train what the zoo lacks, one network after the other; killed and started again, it goes on.

    python studies/zoo/train.py fashion=/usr/share/datasets/fashion-mnist cifar10_jpeg=cifar10_jpeg.tar

Any number of these may run side by side: each takes the next network that nobody trains.
"""

import fcntl
import json
import sys
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import table
import torch
from safetensors.torch import save_file

from dlas import api, fingerprint, host, realise, registry, training
from dlas.artifacts import Artifact, Store
from dlas.layers.model import origin, recipes, zoo
from dlas.measure import statistics
from dlas.stack import Stack

HERE = Path(__file__).parent
WORK = HERE.parents[1] / "artifacts" / "zoo"


def main() -> None:
    """Train every network of `zoo.toml` on every data set; the arguments say where these lie."""
    plan = tomllib.loads((HERE / "zoo.toml").read_text(encoding="utf-8"))
    places = tuple((name, Path(path)) for name, _, path in (argument.partition("=") for argument in sys.argv[1:]))
    store = api.store()
    store.prepare()
    sources = {name: _data(option, places, store) for name, option in plan["dataset"].items()}
    for model in plan["models"]:
        for name, source in sources.items():
            _train(name, source, model)


def _data(option: str, places: realise.Places, store: Store) -> Artifact:
    step = realise.realisation(Stack(dataset=option), places, host.probe()).data
    return realise.perform(step, store, lambda _: None)


def _train(dataset: str, source: Artifact, model: str) -> None:
    """Train one network unless it is there or another process is at it."""
    work = WORK / dataset / model
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if not (zoo.FOLDER / dataset / f"{model}.json").exists():
            _keep(dataset, source, model, work)
            table.write()


def _keep(dataset: str, source: Artifact, model: str, work: Path) -> None:
    """Train a network; put its weights, and the page that tells of it, into the zoo."""
    option: Any = registry.parse("model", model)[0]
    recipe = recipes.choose(option.family, option.recipe, source.facts, option.seed)
    module = origin.fresh(option, source)

    def report(message: dict[str, Any]) -> None:
        score = f", accuracy {message['accuracy']:.1%}" if "accuracy" in message else ""
        print(f"{dataset} {model}: {message['done']:,} of {message['of']:,} images{score}", flush=True)

    seconds = training.fit(module, source, recipe, work, report)
    module.half().float()  # what is stored is the network, so that is what scores
    images = source.facts["images"]["test"]
    score = statistics.wilson(round(training.accuracy(module, source, "test") * images), images)
    path = zoo.FOLDER / dataset / f"{model}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(_half(module), path)
    page = {
        "dataset": dataset,
        "model": model,
        "shape": source.facts["shape"],
        "means": zoo.class_means(source).round(4).tolist(),
        "sha256": fingerprint.file_digest(path),
        "recipe": asdict(recipe),
        "accuracy": {key: round(value, 4) for key, value in asdict(score).items()},
        "seconds": round(seconds),
    }
    path.with_suffix(".json").write_text(json.dumps(page, indent=1) + "\n", encoding="utf-8")


def _half(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """What the zoo stores: all numbers in float16, without the counters of batches."""
    tensors = {name: value.half() for name, value in module.state_dict().items() if value.is_floating_point()}
    assert all(value.isfinite().all() for value in tensors.values())
    return {name: value.contiguous() for name, value in tensors.items()}


if __name__ == "__main__":
    main()
