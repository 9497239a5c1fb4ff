"""An option's declaration and its text form `name@parameters`; which options exist is the registry's business.

An option is a frozen dataclass whose fields, made by `parameter`, are its parameters.
"""

import dataclasses
import itertools
import math
import re
import typing
from collections.abc import Mapping
from decimal import Context, Decimal, localcontext
from functools import cache
from typing import Any, ClassVar, Protocol, runtime_checkable
from urllib.parse import quote, unquote

from dlas.errors import OptionError

LAYERS = ("dataset", "model", "compression", "primitive", "codegen", "hardware")

Value = str | int | float | bool
_RESERVED = re.compile(r"[+,@=%\s]")
_RANGE = re.compile(r"([^:]+):([^:]+):([^:]+)")
SWEEP_LIMIT = 10_000


@runtime_checkable
class Option(Protocol):
    """What every option declares: a `name`, or `variants`, several names each of which fixes some fields.

    `suggested` holds the texts that a bare `--layer` tries. Where it makes sense an option also declares
    `needs(stack, host)`, the reason why it cannot be used there, and `packages`, what its verbs import.
    """

    suggested: ClassVar[tuple[str, ...]]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __hash__(self) -> int:
        """Options are values."""


@dataclasses.dataclass(frozen=True)
class Parameter:
    """What a field of an option may hold. Bounds are inclusive unless `open` is set.

    A locator names data of the user's; it may have choices too, which name none.
    """

    help: str
    positional: bool = False
    low: float | None = None
    high: float | None = None
    open: bool = False
    choices: tuple[str, ...] = ()
    locator: bool = False

    def allowed(self) -> str:
        """The legal values in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices) + (", or the name of a file" if self.locator else "")
        words = ("above", "below") if self.open else ("at least", "at most")
        bounds = [f"{w} {spell(b)}" for w, b in zip(words, (self.low, self.high), strict=True) if b is not None]
        return " and ".join(bounds)

    def permits(self, value: Value) -> bool:
        """Whether a value of the right type lies within choices and bounds."""
        if self.choices and not self.locator:
            return value in self.choices
        if isinstance(value, str):
            return True
        above = self.low is None or (value > self.low if self.open else value >= self.low)
        below = self.high is None or (value < self.high if self.open else value <= self.high)
        return above and below


def parameter(help: str, default: Value | None = None, **limits: Any) -> Any:
    """A dataclass field that is a parameter of an option; without a default it must be given."""
    metadata = {"parameter": Parameter(help, **limits)}
    if default is None:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@cache
def parameters(option: type[Option]) -> dict[str, tuple[type, Parameter, Value | None]]:
    """Name → type, declaration and default of every parameter that can be written in the option's text."""
    hints = typing.get_type_hints(option)
    fields = [f for f in dataclasses.fields(option) if "parameter" in f.metadata]
    missing = dataclasses.MISSING
    return {
        f.name: (hints[f.name], f.metadata["parameter"], None if f.default is missing else f.default) for f in fields
    }


def names(option: type[Option]) -> Mapping[str, Mapping[str, Value]]:
    """The option's names, each with the fields that the name fixes."""
    if hasattr(option, "variants"):
        variants: Mapping[str, Mapping[str, Value]] = option.variants
        return variants
    return {getattr(option, "name"): {}}  # noqa: B009 - the protocol cannot say "one of two attributes"


# --- text of one value ------------------------------------------------------------------------------------------


def spell(value: Value) -> str:
    """Shortest text of a value, with the reserved characters percent-encoded."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        mantissa, e, exponent = repr(value).partition("e")
        return mantissa.removesuffix(".0") + (f"e{int(exponent)}" if e else "")
    return _RESERVED.sub(lambda match: quote(match[0], safe=""), str(value))


def _read(kind: type, text: str) -> Value:
    """The value that a text stands for; ValueError where it is none of its kind."""
    if kind is bool:
        return {"true": True, "false": False}[text]
    if kind is int:
        return int(text)
    if kind is float:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(text)
        return number
    return unquote(text)


# --- text of one option -----------------------------------------------------------------------------------------


def split(text: str) -> list[tuple[str, list[tuple[str | None, str]]]]:
    """The links of a chain, each as its name and its arguments (keyword or None, raw value)."""
    links: list[tuple[str, list[tuple[str | None, str]]]] = []
    for link in text.split("+"):
        name, at, rest = link.partition("@")
        pairs = [part.partition("=") for part in rest.split(",")] if at else []
        links.append((name.strip(), [(k, v) if eq else (None, k) for k, eq, v in pairs]))
    return links


def read_option(layer: str, option: type[Option], name: str, arguments: list[tuple[str | None, str]]) -> Option:
    """The option that a name and its raw arguments stand for; raises OptionError with the remedy."""
    declared = parameters(option)
    place = f"{layer} {name}"
    positional = next((key for key, (_, p, _) in declared.items() if p.positional), None)
    values: dict[str, Value] = dict(names(option)[name])
    given: set[str] = set()
    for keyword, raw in arguments:
        key = positional if keyword is None else keyword
        if key is None or key not in declared:
            known = ", ".join(declared) or "none"
            raise OptionError(f"{place}: unknown parameter {keyword or raw!r}; its parameters are: {known}")
        if key in given:
            raise OptionError(f"{place}: {key} is given twice; give it once")
        given.add(key)
        values[key] = _checked(place, key, raw, *declared[key][:2])
    for key, (_, declaration, default) in declared.items():
        if default is None and key not in values:
            form = "VALUE" if declaration.positional else f"{key}=VALUE"
            raise OptionError(f"{place}: {key} is missing ({declaration.help}); write {name}@{form}")
    return option(**values)


def _checked(place: str, key: str, raw: str, kind: type, declaration: Parameter) -> Value:
    shown = raw if raw.isprintable() else repr(raw)
    try:
        value = _read(kind, raw)
    except (ValueError, KeyError):
        raise OptionError(f"{place}: {key}={shown} is no {_WORDS[kind]}; {declaration.help}") from None
    if not declaration.permits(value) or value == "":
        raise OptionError(f"{place}: {key}={shown} is not allowed; it must be {declaration.allowed() or 'given'}")
    return value


_WORDS = {int: "whole number", float: "number", bool: "true or false", str: "text"}


def write_option(option: Option) -> str:
    """Canonical text: defaults omitted, the positional parameter first and bare."""
    kind = type(option)
    name = name_of(option)
    fixed = names(kind)[name]
    written = {
        key: spell(getattr(option, key))
        for key, (_, _, default) in parameters(kind).items()
        if key not in fixed and (default is None or getattr(option, key) != default)
    }
    bare = [written.pop(key) for key, (_, p, _) in parameters(kind).items() if p.positional and key in written]
    arguments = bare + [f"{key}={value}" for key, value in written.items()]
    return f"{name}@{','.join(arguments)}" if arguments else name


def name_of(option: Option) -> str:
    """The name under which this very option is written."""
    return next(
        name
        for name, fixed in names(type(option)).items()
        if all(getattr(option, key) == value for key, value in fixed.items())
    )


# --- sweeps -----------------------------------------------------------------------------------------------------


def expand(raw: str) -> list[str]:
    """The numbers of `start:stop:step` (stop included) as texts, or the text itself when it is no range."""
    match = _RANGE.fullmatch(raw)
    if not match:
        return [raw]
    try:
        start, stop, step = (Decimal(part) for part in match.groups())
    except ArithmeticError:
        return [raw]
    with localcontext(Context(traps=[])):  # an overflow becomes infinite, a division of nought by nought no number
        steps = (stop - start) / step
    if not all(x.is_finite() for x in (start, stop, step)) or step == 0 or steps < 0:
        raise OptionError(f"range {raw} never reaches its end; write start:stop:step")
    if steps >= SWEEP_LIMIT:
        raise OptionError(f"range {raw} has more than {SWEEP_LIMIT:,} values; use a larger step")
    return [format((start + step * i).normalize(), "f") for i in range(int(steps) + 1)]


def sweep(text: str, values: typing.Callable[[str, str | None, str], list[str]]) -> list[str]:
    """Every option text that a text with ranges stands for; `values` spreads the range of one argument."""
    links = [
        (name, [[f"{k}={v}" if k else v for v in values(name, k, raw)] for k, raw in arguments])
        for name, arguments in split(text)
    ]
    count = math.prod(len(choices) for _, spread in links for choices in spread)
    if count > SWEEP_LIMIT:
        raise OptionError(f"{text} stands for {count:,} options, more than {SWEEP_LIMIT:,}; use larger steps")
    chosen = [
        [name + ("@" + ",".join(choice) if choice else "") for choice in itertools.product(*spread)]
        for name, spread in links
    ]
    return ["+".join(choice) for choice in itertools.product(*chosen)]
