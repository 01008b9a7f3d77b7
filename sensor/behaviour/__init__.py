"""Who does what to whom: counted, learned, compared."""
