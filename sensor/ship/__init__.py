"""What was found, on its way to those who watch."""
