"""One alert for each cause: count, evidence, explanation."""
