"""Cubes of several hosts as one."""
