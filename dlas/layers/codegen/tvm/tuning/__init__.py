"""Searching for parameters of kernels: what a network's tasks are, what is tried, what is kept.

Candidates are compiled and timed by the child `dlas.measure.trial`; what was found is in `dlas.records`.
"""
