"""Lowerings of the primitives in TensorIR; imported by dotted name when the code generator `tvm` compiles."""
