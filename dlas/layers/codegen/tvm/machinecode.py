"""From scheduled kernels to machine code."""

from typing import TYPE_CHECKING, Any

from dlas.tensorir.machine import Machine

if TYPE_CHECKING:
    from tvm import ir


def compiled(module: "ir.IRModule", chosen: Machine) -> Any:
    """The executable of a module whose kernels are scheduled."""
    import tvm

    target = tvm.target.Target({"kind": "llvm", "mcpu": chosen.cpu, "num-cores": 1})
    with tvm.transform.PassContext(opt_level=3, config={"s_tir.LoopPartition": {"partition_const_loop": True}}):
        return tvm.compile(module, target=target)
