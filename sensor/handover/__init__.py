"""From capture workers to the recorder: what a worker has found, as records on a pipe."""
