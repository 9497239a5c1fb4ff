"""Reading `layer=option` and `name=path` arguments."""

from collections.abc import Sequence
from pathlib import Path

from dlas.errors import OptionError
from dlas.option import LAYERS
from dlas.registry import absolute, catalogue


def settings(texts: Sequence[str], flag: str) -> dict[str, str]:
    """Layer → option of `LAYER=OPTION` arguments; raises OptionError for what is none. No flag: they stand alone."""
    found: dict[str, str] = {}
    for text in texts:
        layer, equals, option = text.partition("=")
        if layer not in LAYERS:
            catalogue(layer)
        if not equals or not option:
            written = f"{flag} {layer}".strip()
            raise OptionError(f"{flag} {text}: write {written}=OPTION; `dlas layers {layer}` lists the options".strip())
        if layer in found:
            raise OptionError(f"{flag or 'the stack'} names {layer} twice; name it once")
        found[layer] = option
    return found


def varied(texts: Sequence[str]) -> dict[str, list[str]]:
    """Layer → options of `LAYER` or `LAYER=OPTION OPTION …` arguments."""
    found: dict[str, list[str]] = {}
    for text in texts:
        layer, _, options = text.partition("=")
        if layer not in LAYERS:
            catalogue(layer)
        if layer in found:
            raise OptionError(f'--layer names {layer} twice; put its options into one: --layer "{layer}=A B"')
        found[layer] = options.split()
    return found


def places(texts: Sequence[str]) -> dict[str, Path]:
    """Name → path of `NAME=PATH` arguments."""
    found: dict[str, Path] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals or not name or not path:
            raise OptionError(f"--data {text}: write --data NAME=PATH")
        found[name] = absolute(path)
    return found
