"""`dlas layers`: every option, its parameters, what it needs."""

from dlas import fingerprint
from dlas.option import LAYERS, Option, Parameter, Value, names, parameters, spell
from dlas.registry import catalogue


def show(layer: str) -> None:
    """Print the options of one layer, or of all."""
    for name in [layer] if layer else LAYERS:
        options = dict.fromkeys(catalogue(name).values())
        print(name)
        for option in options:
            _print_option(option)
        print()


def _print_option(option: type[Option]) -> None:
    print(f"  {' | '.join(names(option))}")
    print(f"      {(option.__doc__ or '').splitlines()[0]}")
    for key, (kind, declaration, default) in parameters(option).items():
        print(f"      {_form(key, declaration)}: {_describe(kind, declaration, default)}")
    missing = [name for name in getattr(option, "packages", ()) if fingerprint.package_version(name) is None]
    if missing:
        print(f'      needs {", ".join(missing)}, not installed: pip install "dlas[all]"')


def _form(key: str, declaration: Parameter) -> str:
    return f"@{key.upper()}" if declaration.positional else f"{key}="


def _describe(kind: type, declaration: Parameter, default: Value | None) -> str:
    facts = [kind.__name__ if not declaration.choices else "", declaration.allowed()]
    facts.append("required" if default is None else f"default {spell(default) or 'none'}")
    return f"{declaration.help} ({', '.join(fact for fact in facts if fact)})"
