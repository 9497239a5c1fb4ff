"""The stack: one option for each of the six layers, as a frozen, hashable value."""

from dataclasses import dataclass, fields, replace
from typing import Self

from dlas import registry
from dlas.errors import OptionError
from dlas.option import LAYERS, Option


@dataclass(frozen=True, order=True)
class Stack:
    """One option for each layer, each as canonical text; raises OptionError for what is no option.

    >>> Stack(model="resnet8", compression="weight-prune@0.90").compression
    'weight-prune@0.9'
    """

    dataset: str = "digits"
    model: str = "resnet8"
    compression: str = "none"
    primitive: str = "native"
    codegen: str = "openvino"
    hardware: str = "cpu"

    def __post_init__(self) -> None:
        for layer in LAYERS:
            text = getattr(self, layer)
            object.__setattr__(self, layer, registry.canonical(layer, text))

    def options(self, layer: str) -> tuple[Option, ...]:
        """The option of a layer; several for a chain."""
        return registry.parse(layer, getattr(self, layer))

    def perturb(self, **changes: str) -> Self:
        """The same stack with the options of one or more layers replaced."""
        unknown = set(changes) - set(LAYERS)
        if unknown:
            raise OptionError(f"unknown layer {min(unknown)!r}; the layers are: {', '.join(LAYERS)}")
        return replace(self, **changes)

    def difference(self, baseline: "Stack") -> str:
        """The cell's name: `layer=option …` where it departs from the baseline."""
        changed = [layer for layer in LAYERS if getattr(self, layer) != getattr(baseline, layer)]
        return " ".join(f"{layer}={getattr(self, layer)}" for layer in changed) or "baseline"

    def as_dict(self) -> dict[str, str]:
        """Layer → canonical text, in the order of the layers."""
        return {layer: getattr(self, layer) for layer in LAYERS}


assert tuple(field.name for field in fields(Stack)) == LAYERS
