"""Lowerings of primitives for the code generator `torch`: modules that take the place of convolutions and linear ones.

A lowering says with `takes(module)` whether it lowers an operator; `convolution(module)` and `linear(module)` give the
module in its place, whose state is all that it needs beside the sizes of the one before.
"""
