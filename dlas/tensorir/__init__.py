"""What the code generator `tvm` and the lowerings of primitives share, since layers never import each other.

A primitive's lowering is a frozen dataclass (its fields are the primitive's parameters) with the two verbs of
`OperatorLowering`. It writes kernels through an `Emitter`; a kernel carries the dotted name of the function that
schedules it.
"""
