"""How a network gets its weights: trained by a recipe, from the zoo, from a user's file, or left as drawn."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dlas import data, network, sanity, training
from dlas.artifacts import Artifact
from dlas.errors import DataError, Inapplicable, OptionError
from dlas.layers.model import Report, Shape, recipes, zoo
from dlas.option import write_option

if TYPE_CHECKING:
    import torch

CHOICES = ("zoo", "train", "random")
PACKAGES = ("torch", "torchvision", "onnxscript", "onnxruntime")
BY_NORM = "by norm"  # the family of networks that are known by name only
SETTLING_IMAGES = 64
# What networks raise for images of a size that they cannot take.
UNSUITABLE = (RuntimeError, ValueError, AssertionError, IndexError)


class Architecture(Protocol):
    """What the making of a network needs to know of its option, a dataclass."""

    @property
    def family(self) -> str:
        """Which of the recipes suit it."""

    @property
    def weights(self) -> str:
        """One of `CHOICES`, or the name of a file of weights."""

    @property
    def recipe(self) -> str:
        """How long it is trained."""

    @property
    def seed(self) -> int:
        """Draws the first weights and the order of the images."""

    def module(self, shape: Shape, classes: int) -> "torch.nn.Module":
        """The architecture with fresh weights."""


def make(
    option: Architecture,
    source: Artifact,
    given: Mapping[str, Path],
    text: str,
    out: Path,
    work: Path,
    report: Report,
) -> dict[str, Any]:
    """Build the network for the data in `source`, give it its weights, write it."""
    module = fresh(option, source)
    facts: dict[str, Any] = {}
    if option.weights == "random":
        settle(module, source)
    elif option.weights == "train":
        recipe = recipes.choose(_family(option, module), option.recipe, source.facts, option.seed)
        training.fit(module, source, recipe, work, report)
        facts = {"recipe": asdict(recipe)}
    elif option.weights == "zoo":
        entry = _entry(option, source)
        _fill(module, zoo.load(entry), f"zoo's {entry.model}")
        facts = {"recipe": entry.recipe}
    else:
        path = given[option.weights]
        _fill(module, read(path), f"model {text}: {path}")

    def check(path: Path) -> None:
        if option.weights not in ("random", "train"):
            sanity.check(text, path, source)

    report({"doing": "export"})
    return facts | network.save_module(module, out, text, source, option.weights != "random", check)


def fresh(option: Architecture, source: Artifact) -> "torch.nn.Module":
    """The option's architecture for the data, its weights drawn by the seed."""
    import torch

    torch.manual_seed(option.seed)
    shape, classes = tuple(source.facts["shape"]), source.facts["classes"]
    place = f"model {write_option(option)}"  # type: ignore[arg-type]
    try:
        module = option.module(shape, classes)
        with torch.no_grad():
            output = module.eval()(torch.zeros(2, *shape))
    except UNSUITABLE as problem:
        size = "x".join(map(str, shape))
        reason = str(problem).partition("\n")[0]
        raise Inapplicable(
            f"{place} cannot take images of {size} ({reason}); give data of another size, or another network"
        ) from problem
    if not isinstance(output, torch.Tensor) or output.shape != (2, classes):
        found = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise OptionError(f"{place} gives {found} for two images; it must give one tensor of shape (2, {classes})")
    return module


def _family(option: Architecture, module: "torch.nn.Module") -> str:
    """The option's family; of a network known by name only, whether it has batch norms decides."""
    if option.family != BY_NORM:
        return option.family
    return "residual" if _batch_norms(module) else "attention"


def _batch_norms(module: "torch.nn.Module") -> "list[torch.nn.modules.batchnorm._BatchNorm]":
    from torch.nn.modules.batchnorm import _BatchNorm

    return [child for child in module.modules() if isinstance(child, _BatchNorm)]


def settle(module: "torch.nn.Module", source: Artifact) -> None:
    """Let batch norms see images once: left as drawn, deep networks give the same logits for every image."""
    import torch

    images, _ = data.load(source, "calibration")
    norms = _batch_norms(module)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        module.train()(torch.from_numpy(images[:SETTLING_IMAGES]))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    module.eval()


# --- from the zoo -----------------------------------------------------------------------------------------------


def zoo_text(option: Architecture) -> str:
    """The text under which the zoo has a network: where the weights come from is left out."""
    return write_option(replace(option, weights="train"))  # type: ignore[type-var, arg-type]


def ingredients(option: Architecture) -> dict[str, Any]:
    """What decides the network beside option, data and code: weights of the zoo, by their hash."""
    if option.weights != "zoo":
        return {}
    return {"zoo": [entry.sha256 for entry in zoo.find(zoo_text(option))]}


def needs(option: Architecture, stack: object, host: object) -> str | None:  # noqa: ARG001 - as every option's
    """Why there are no such weights."""
    text = zoo_text(option)
    if option.weights != "zoo" or zoo.find(text):
        return None
    known = sorted({entry.model for entry in zoo.entries()})
    return f"the zoo has no {text}; it has {', '.join(known) or 'nothing yet'}"


def _entry(option: Architecture, source: Artifact) -> zoo.Entry:
    """The network of the zoo for these data; raises Inapplicable where there is none, or where it saw too much."""
    found, dataset = zoo.find(zoo_text(option)), source.recipe["option"]
    entry = next((entry for entry in found if entry.suits(source)), None)
    if entry is None:
        datasets = ", ".join(entry.dataset for entry in found)
        raise Inapplicable(
            f"the zoo's {zoo_text(option)} was trained for {datasets}, not for dataset {dataset}: "
            "other images, order of classes or normalisation; use weights=train"
        )
    if not entry.spares(source):
        raise Inapplicable(
            f"the zoo's {zoo_text(option)} was trained on another split than that of dataset {dataset}, so perhaps on "
            "its validation images; use all images and seed=0 there, or weights=train"
        )
    return entry


# --- from a file ------------------------------------------------------------------------------------------------


def read(path: Path) -> "dict[str, torch.Tensor]":
    """The tensors of a .safetensors file or of a state dict, which is read without unpickling objects."""
    from pickle import UnpicklingError  # only its name: nothing is unpickled but tensors

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as problem:
        reason = str(problem).partition("\n")[0]
        raise DataError(f"{path} is no readable file of weights ({reason})") from problem
    for wrapper in ("state_dict", "model_state_dict", "model"):
        found = found.get(wrapper, found) if isinstance(found, Mapping) else found
    if not isinstance(found, Mapping) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise DataError(f"{path} holds no state dict; save one with torch.save(module.state_dict(), path)")
    return {str(name).removeprefix("module."): value for name, value in found.items()}


def _fill(module: "torch.nn.Module", tensors: "Mapping[str, torch.Tensor]", place: str) -> None:
    """Load weights of any precision; raises DataError that names the first that do not fit."""
    expected = module.state_dict()
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    wrong = [
        *(f"{name} is missing" for name in expected if name not in tensors and name not in counters),
        *(f"{name} is not in the network" for name in tensors if name not in expected),
        *(
            f"{name} is {tuple(value.shape)}, not {tuple(expected[name].shape)}"
            for name, value in tensors.items()
            if name in expected and value.shape != expected[name].shape
        ),
    ]
    if wrong:
        more = f" and {len(wrong) - 2} more" if len(wrong) > 2 else ""
        raise DataError(f"{place} does not fit the network: {'; '.join(wrong[:2])}{more}; give weights of this network")
    module.load_state_dict({**expected, **tensors})
