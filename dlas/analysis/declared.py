"""Claims as people declare them in a TOML file; nothing in it is run."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlas.analysis.claims import Claim, Comparison
from dlas.errors import CubeError

_NEEDED = ("text", "source", "these", "against", "direction")
_OPTIONAL = ("where", "quantity", "minimum")


def read(path: Path) -> list[Claim]:
    """The claims of a file, each a table `[[claim]]`; raises CubeError for what is none.

    `minimum` is a number, as in `0.2` for a fifth; for accuracy `0.01` is one point.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as problem:
        raise CubeError(f"claims {path} cannot be read ({problem}); name a TOML file") from problem
    entries = document.get("claim")
    if set(document) != {"claim"} or not isinstance(entries, list) or not entries:
        raise CubeError(f"claims {path}: write each claim as a table [[claim]], and nothing else")
    return [_claim(entry, f"claims {path}, claim {number}") for number, entry in enumerate(entries, 1)]


def _claim(entry: Any, place: str) -> Claim:
    if not isinstance(entry, dict):
        raise CubeError(f"{place}: it must be a table")
    missing = [name for name in _NEEDED if name not in entry]
    unknown = [name for name in entry if name not in (*_NEEDED, *_OPTIONAL)]
    if missing or unknown:
        wrong = f"{missing[0]} is missing" if missing else f"{unknown[0]!r} is unknown"
        raise CubeError(f"{place}: {wrong}; it has {', '.join(_NEEDED)}, and perhaps {', '.join(_OPTIONAL)}")
    texts = {name: _text(entry[name], name, place) for name in ("text", "source", "direction")}
    stacks = {name: _stack(entry.get(name, {}), name, place) for name in ("these", "against", "where")}
    minimum = entry.get("minimum", 0.0)
    if isinstance(minimum, bool) or not isinstance(minimum, int | float):
        raise CubeError(f"{place}: minimum must be a number, as in 0.2 for a fifth")
    quantity = _text(entry.get("quantity", "latency"), "quantity", place)
    comparison = Comparison(**stacks, quantity=quantity)
    return Claim(texts["text"], texts["source"], comparison, texts["direction"], float(minimum))


def _text(value: Any, name: str, place: str) -> str:
    if not isinstance(value, str):
        raise CubeError(f"{place}: {name} must be a text in quotes")
    return value


def _stack(value: Any, name: str, place: str) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(option, str) for option in value.values()):
        raise CubeError(f'{place}: {name} must be a table of layer = "option"')
    return value
