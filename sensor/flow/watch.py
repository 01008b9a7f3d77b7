"""The flows to look after even when they are silent: those with a dissector, and those with a hole.

The rule it lives by: joining and leaving take the same time whatever the number.
"""

from sensor.flow.flow import Flow


class Watch:
    """Flows in no order; each knows its place."""

    def __init__(self) -> None:
        self.flows: list[Flow] = []

    def add(self, flow: Flow) -> None:
        """Watch a flow, if it is not watched yet."""
        if flow.watched < 0:
            flow.watched = len(self.flows)
            self.flows.append(flow)

    def remove(self, flow: Flow) -> None:
        """Watch a flow no more: the last one takes its place."""
        place = flow.watched
        if place < 0:
            return
        last = self.flows.pop()
        if last is not flow:
            self.flows[place] = last
            last.watched = place
        flow.watched = -1
