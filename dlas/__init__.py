"""dlas: perturb the layers of a deep-learning acceleration stack and see what happens."""
