"""How commands end.

The rule it lives by: a script can tell from the exit code alone whether it may trust what it got.
"""

from typing import Final

OK: Final = 0
PARTLY: Final = 1
WRONG: Final = 2
NOTHING: Final = 3
INTERRUPTED: Final = 130

EXITS: Final = """exit codes:
  0    everything was read
  1    something could not be read, or was damaged: the summary says what; what was found is shown
  2    a wrong option, configuration, rule, protocol or database: nothing was done
  3    nothing could be read at all
  130  ended by Ctrl-C: what was read until then is shown and kept
"""
