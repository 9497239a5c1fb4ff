"""Studies: which cells, what must be built for them, what was measured, and how to go on after a kill."""
