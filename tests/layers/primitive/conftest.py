"""Kernels are run by two threads, so that what they share shows."""

import os

os.environ.setdefault("TVM_NUM_THREADS", "2")  # read when TVM starts its pool
os.environ.setdefault("TVM_THREAD_POOL_SPIN_COUNT", "0")
