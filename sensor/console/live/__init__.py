"""What a person sees of a watch while it goes on: a picture on a terminal, lines anywhere else."""
