"""What keeps a live capture from beginning.

The rule it lives by: an error says the place, what was found there and what was expected.
"""


class LiveError(Exception):
    """A capture that cannot begin."""

    def __init__(self, place: str, found: str, expected: str) -> None:
        super().__init__(f"{place}: {found}; expected {expected}" if expected else f"{place}: {found}")
        self.place = place
        self.found = found
        self.expected = expected
