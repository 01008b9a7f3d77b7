"""Conversations: both directions, TCP order, gaps, and the one framing loop."""
