"""Algorithmic primitives: how a convolution is computed. An option declares a lowering for each dialect it knows."""

from collections.abc import Mapping
from typing import ClassVar, Protocol

from dlas.option import Option


class Primitive(Option, Protocol):
    """`lowerings` maps a code generator's dialect to the dotted name of the class that lowers operators in it.

    The class takes the primitive's own parameters; for `tvm` it is a `dlas.tensorir.emitter.OperatorLowering`.

    An empty map leaves the choice to the code generator. `integers`, where it is declared, says whether the lowering
    has integer kernels too.
    """

    lowerings: ClassVar[Mapping[str, str]]
