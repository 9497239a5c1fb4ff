"""From a stack to artifacts: the steps that build it, their keys, and the child process that does one step."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

from dlas import artifacts, fingerprint, interpreter, process, registry
from dlas.artifacts import Artifact, Store
from dlas.errors import BuildFailed, DataError
from dlas.host import NATIVE, Host, Target
from dlas.layers import compression
from dlas.layers.codegen import Codegen, Lowering
from dlas.layers.hardware import Hardware
from dlas.layers.primitive import Primitive
from dlas.option import Option, parameters
from dlas.stack import Stack

# Hashable for the caches.
Places = tuple[tuple[str, Path], ...]  # name of the user's data → where they lie
Facts = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Step:
    """One build step. `inputs` are keys of artifacts; everything in `recipe` decides the step's own key.

    `sources` are the paths of the user's data by the names that the option has for them.
    """

    layer: str
    option: str
    inputs: tuple[str, ...]
    ingredients: Mapping[str, Any] = field(hash=False)
    sources: Mapping[str, str] = field(default_factory=dict, hash=False)
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", fingerprint.digest(self.recipe))

    @property
    def recipe(self) -> dict[str, Any]:
        """What the artifact is made from; where the user's data lie is no part of it."""
        return {"layer": self.layer, "option": self.option, "inputs": list(self.inputs), **self.ingredients}

    @property
    def python(self) -> str:
        """The Python that does the step and runs what it built; empty for this one."""
        (option,) = registry.parse(self.layer, self.option)
        return self.sources.get(getattr(option, interpreter.PARAMETER, ""), "")

    @property
    def exclusive(self) -> bool:
        """Whether the step times candidates, so that nothing else may run on the host meanwhile."""
        options = registry.parse(self.layer, self.option)
        if "primitive" in self.ingredients:
            options = (*options, _primitive(self.ingredients["primitive"]))
        return any(getattr(option, "exclusive", False) for option in options)


@dataclass(frozen=True)
class Realisation:
    """The steps of one stack, in the order in which they build on each other."""

    data: Step
    networks: tuple[Step, ...]
    executable: Step

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, data first."""
        return (self.data, *self.networks, self.executable)


def realisation(stack: Stack, places: Places, host: Host) -> Realisation:
    """The steps of a stack; raises DataError where the user's data are not located."""
    data, networks = _network_steps(stack.dataset, stack.model, stack.compression, places)
    target = _effective(hardware_of(stack).target(host), host)
    own = _own_ingredients(_codegen(stack.codegen))
    executable = _executable(stack.codegen, stack.primitive, networks[-1].key, target, places, own)
    return Realisation(data, networks, executable)


def _effective(target: Target, host: Host) -> Target:
    """The target with an instruction set in place of `native`, where the host has one that a ceiling may name."""
    return replace(target, isa=host.isas[-1]) if target.isa == NATIVE and host.isas else target


def hardware_of(stack: Stack) -> Hardware:
    """The hardware option of a stack."""
    return cast(Hardware, stack.options("hardware")[0])


def _network_steps(dataset: str, model: str, chain: str, places: Places) -> tuple[Step, tuple[Step, ...]]:
    data = _step("dataset", registry.parse("dataset", dataset)[0], (), places)
    networks = [_step("model", registry.parse("model", model)[0], (data.key,), places)]
    for option in registry.parse("compression", chain):
        if hasattr(option, "compress"):
            networks.append(_step("compression", option, (networks[-1].key, data.key), places))
    return data, tuple(networks)


def _step(layer: str, option: Option, inputs: tuple[str, ...], places: Places) -> Step:
    ingredients: dict[str, Any] = {"code": fingerprint.code_version(type(option).__module__)}
    if hasattr(option, "ingredients"):
        ingredients |= option.ingredients()
    sources = {name: _located(layer, option, name, places) for name in registry.locators(option)}
    if sources:
        ingredients["content"] = [artifacts.content(path) for path in sources.values()]
    paths = {name: str(path) for name, path in sources.items()}
    return Step(layer, registry.write((option,)), inputs, ingredients, paths)


def _located(layer: str, option: Option, name: str, places: Places) -> Path:
    path = dict(places).get(name)
    if path is None:
        raise DataError(
            f"{layer} {registry.write((option,))}: nobody said where {name!r} lies; "
            f'add --data {name}=PATH, or `{name} = "PATH"` under [data], or put it into $DLAS_DATA'
        )
    if not path.exists():
        raise DataError(f"{layer} {registry.write((option,))}: {path} does not exist; name a path that does")
    return path


def _own_ingredients(generator: Codegen) -> Facts:
    """What the generator itself adds to the key: looked up for every stack, it may change while the process lives."""
    return tuple(generator.ingredients().items()) if hasattr(generator, "ingredients") else ()


@cache
def _executable(codegen: str, primitive: str, network: str, target: Target, places: Places, own: Facts) -> Step:
    generator, lowered = _codegen(codegen), _primitive(primitive)
    sources = {name: str(_located("codegen", generator, name, places)) for name in registry.locators(generator)}
    ingredients = {
        "code": fingerprint.code_version(type(generator).__module__),
        "primitive": primitive,
        "primitive_code": fingerprint.code_version(type(lowered).__module__),
        "target": _relevant(target, generator),
        "packages": _versions(generator, places),
        **dict(own),
    }
    lowering = lowering_of(lowered, generator)
    if lowering:
        ingredients["lowering_code"] = fingerprint.code_version(lowering.name.rpartition(".")[0])
    return Step("codegen", codegen, (network,), ingredients, sources)


def _versions(option: Option, places: Places) -> Mapping[str, str | None]:
    """Versions of the packages that an option imports, where it imports them."""
    packages = getattr(option, "packages", ())
    name = getattr(option, interpreter.PARAMETER, "")
    if name:
        return interpreter.versions(str(_located("codegen", option, name, places)), packages)
    return {package: fingerprint.package_version(package) for package in packages}


def lowering_of(primitive: Primitive, generator: Codegen) -> Lowering | None:
    """How the primitive lowers operators in the generator's dialect; None leaves them to its runtime."""
    name = primitive.lowerings.get(generator.dialect)
    if name:
        return Lowering(name, {key: getattr(primitive, key) for key in parameters(type(primitive))})
    own: str | None = None if primitive.lowerings else getattr(generator, "native", None)
    return Lowering(own, {}) if own else None


def codegen_of(stack: Stack) -> Codegen:
    """The code generator of a stack."""
    return _codegen(stack.codegen)


def _codegen(text: str) -> Codegen:
    return cast(Codegen, registry.parse("codegen", text)[0])


def _primitive(text: str) -> Primitive:
    return cast(Primitive, registry.parse("primitive", text)[0])


@cache
def _relevant(target: Target, generator: Codegen) -> Mapping[str, Any]:
    """The facts of the target that the generated code depends on."""
    return {name: fact for name, fact in asdict(target).items() if name in (*_ALWAYS, *generator.depends_on)}


# --- why a stack cannot be ----------------------------------------------------------------------------------------


def obstacle(stack: Stack, host: Host, places: Places = ()) -> str | None:
    """Why a stack cannot be realised on a host, as far as the options know it beforehand; None if they know nothing."""
    return _obstacle_of_options(stack, host, places) or _obstacle_between(stack, host)


def _obstacle_of_options(stack: Stack, host: Host, places: Places) -> str | None:
    for layer, text in stack.as_dict().items():
        for option in registry.parse(layer, text):
            missing = [name for name, version in _versions(option, places).items() if version is None]
            if missing:
                return f"{layer} {text} needs the package {missing[0]}; install dlas[all], or {missing[0]} alone"
            reason: str | None = option.needs(stack, host) if hasattr(option, "needs") else None
            if reason:
                return reason
    return None


def _obstacle_between(stack: Stack, host: Host) -> str | None:
    chain, (model,) = stack.options("compression"), stack.options("model")
    generator, lowered, device = _codegen(stack.codegen), _primitive(stack.primitive), hardware_of(stack).device
    if device not in generator.devices:
        return f"{stack.codegen} does not run on {device}"
    isa = hardware_of(stack).target(host).isa
    if isa != NATIVE and isa not in generator.ceilings:
        return f"{stack.codegen} cannot be held to {isa}; its kernels are chosen by the processor alone"
    if lowered.lowerings and generator.dialect not in lowered.lowerings:
        return f"{stack.codegen} chooses its own kernels; {stack.primitive} cannot be asked of it"
    return compression.obstacle(chain, model) or _obstacle_to_compiling(stack, chain, model, generator)


def _obstacle_to_compiling(stack: Stack, chain: tuple[Option, ...], model: Option, generator: Codegen) -> str | None:
    if generator.takes_module and not compression.leaves_module(chain, model):
        culprit = stack.compression if compression.leaves_module((), model) else stack.model
        return f"{stack.codegen} needs a torch module, which {culprit} does not leave"
    promised = compression.precision(chain)
    if promised not in generator.precisions:
        return f"{stack.codegen} does not compute in {promised}; {stack.compression} cannot be kept there"
    return None


# --- doing a step, in a child process ---------------------------------------------------------------------------


def perform(step: Step, store: Store, report: process.Report) -> Artifact:
    """Do one step unless its artifact is there; the inputs must be in the store."""
    inputs = [_input(store, key) for key in step.inputs]
    (option,) = registry.parse(step.layer, step.option)

    def make(out: Path, work: Path) -> dict[str, Any]:
        return _verb(step, option, inputs, out, work, report)

    return store.build(step.recipe, make)


def _verb(
    step: Step, option: Any, inputs: list[Artifact], out: Path, work: Path, report: process.Report
) -> dict[str, Any]:
    """Call the one verb of the step's layer; returns the facts of what it wrote."""
    facts: dict[str, Any]
    given = {name: Path(path) for name, path in step.sources.items()}
    if step.layer == "dataset":
        facts = option.load(given, out)
    elif step.layer == "model":
        facts = option.make(inputs[0], given, step.option, out, work, report)
    elif step.layer == "compression":
        facts = option.compress(inputs[0], inputs[1], out, work, report)
    else:
        target = Target(**{**_ANYWHERE, **step.ingredients["target"]})
        lowering = lowering_of(_primitive(step.ingredients["primitive"]), option)
        inherited = {key: inputs[0].facts[key] for key in _INHERITED}
        facts = {**inherited, **option.compile(inputs[0], lowering, target, out), "batch": target.batch}
    return facts


_ALWAYS = ("architecture", "batch")
# What a target does not tell a code generator whose code does not depend on it.
_ANYWHERE = {"isa": NATIVE, "threads": 0}
# What a measuring child must know of the network without having it.
_INHERITED = ("model", "shape", "classes", "precision", "module", "trained", "parameters", "nonzeros", "macs")


def _input(store: Store, key: str) -> Artifact:
    artifact = store.get(key)
    if artifact is None:
        raise BuildFailed(f"artifact {key[:12]} is not in the store; it was removed while the study ran, run again")
    return artifact


def _answer(request: process.Message, report: process.Report) -> process.Message:
    step = Step(**request["step"])
    artifact = perform(step, Store(Path(request["store"])), report)
    return {"key": artifact.key, "seconds": artifact.seconds}


def as_message(step: Step) -> process.Message:
    """A step as the child that does it is told."""
    return {
        "layer": step.layer,
        "option": step.option,
        "inputs": list(step.inputs),
        "ingredients": dict(step.ingredients),
        "sources": dict(step.sources),
    }


if __name__ == "__main__":
    process.serve(_answer)
