"""One folder for each protocol, found and not registered."""
