"""Elasticsearch: what it must be set up with, and what may be wrong with it."""
