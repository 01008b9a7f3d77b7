"""Frames from the wire: rings of the kernel, opened with privileges and read without.

The rule it lives by: nothing is ever sent, and nothing is lost without a name and a counter.
"""
