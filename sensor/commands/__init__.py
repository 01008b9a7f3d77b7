"""What each command does, between the options a person gave and the exit code.

The rule it lives by: results go to standard output, progress and troubles to standard error, so that pipes work. Each
module adds its commands with `add` and sets `run` to what does the work.
"""
