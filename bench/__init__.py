"""The benchmark: two captures of our own, and what reading them costs."""
