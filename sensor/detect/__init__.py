"""Sigma rules over new behaviours, significant exchanges and flows."""
