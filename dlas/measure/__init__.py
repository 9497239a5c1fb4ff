"""Measuring executables: what a child times, how a block of cells is stepped, what the samples say."""
