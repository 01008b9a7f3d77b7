"""Rules for Elastic Security: the one that takes our alerts in, and what of ours Elastic could look for itself."""
