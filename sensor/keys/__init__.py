"""Keys of a configuration: declared once, read with their place, every fault told at once."""
