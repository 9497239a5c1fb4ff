"""Shares and durations as people write them."""

import math
import re

from dlas.errors import StudyError

_UNITS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_NUMBER = r"([0-9.]+(?:e-?[0-9]+)?)"


def share(text: str) -> float:
    """The share that `2%` or `0.02` stands for; raises StudyError."""
    match = re.fullmatch(_NUMBER + "(%?)", text.strip())
    value = _number(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < value < 1:
        raise StudyError(f"margin {text!r} is no share; write for example 2%")
    return value


def seconds(text: str) -> float:
    """The seconds that `3s`, `500ms` or `2min` stand for; raises StudyError."""
    match = re.fullmatch(_NUMBER + r"\s*(ms|s|min|h)?", text.strip())
    value = _number(match[1]) * _UNITS[match[2] or "s"] if match else 0.0
    if not 0 < value < math.inf:
        raise StudyError(f"duration {text!r} is no time; write for example 3s, 500ms or 2min")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
