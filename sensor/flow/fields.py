"""What may be odd about a stream, or between neighbours, as `Sink.oddity` tells it.

The rule it lives by: `contract.ILLEGIBLE_NAMES` and `gave_up` are declared with the common words; here is the rest.
On a registered port there is also "not_" and the protocol's name: what was sent there is not that protocol.
"""

from sensor.vocabulary import Anomaly

ANOMALIES: tuple[Anomaly, ...] = (
    Anomaly("gap", "Bytes of a stream were not captured; decoding went on behind them"),
    Anomaly(
        "overlap_differs", "Two segments say different things about the same bytes: an evasion, or a broken sender"
    ),
    Anomaly("truncated", "A datagram ends within a frame"),
    Anomaly(
        "address_moved",
        "A machine claims by ARP an address that another had; the sample is the address and the MAC it was at",
    ),
    Anomaly("address_sweep", "A machine has asked by ARP for fifty addresses within two minutes"),
    Anomaly("buffer_full", "A frame claims to be longer than what may wait for its rest; its bytes were let go"),
)
