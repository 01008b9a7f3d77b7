"""otsensor: a passive security sensor for industrial networks."""
