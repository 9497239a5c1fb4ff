"""Analysis: pure functions on a cube."""
