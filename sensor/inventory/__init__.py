"""Who is there, and how we know."""
