"""The digest: what is new in a store since a moment, for people who have no SIEM."""
