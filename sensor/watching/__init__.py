"""`otsensor watch`: capture workers, the recorder, and what keeps them going for months."""
