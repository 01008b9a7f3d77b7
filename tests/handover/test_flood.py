"""After a flood of forged addresses the sensor sees as before it, and what the flood took is free again."""

import gc
import struct

import pytest

from sensor.flow.lanes import MAX_ENDPOINTS
from tests.handover import handover_kit
from tests.line import line_kit

SECOND = 1_000_000_000


def syn(number):
    """A SYN that claims to come from one of many addresses, to one of many."""
    tcp = struct.pack(">HHIIBBHHH", 40_000, 502, number, 0, 0x50, 2, 8_192, 0, 0)
    low = (number * 2).to_bytes(3, "big")
    addresses = bytes((10, *low, 11, *low))
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, number & 0xFFFF, 0, 64, 6, 0) + addresses
    return bytes.fromhex("00d0c9a4109e 00d0c9a4109f 0800") + ip + tcp


@pytest.mark.slow
def test_whoever_comes_after_a_flood_of_forged_addresses_is_named(tmp_path):
    write = line_kit.frames_of(line_kit.PCAPS / "modbus-write.pcapng")
    began = write[0][0] - 120 * SECOND
    flood = [(began + number * 1_000, syn(number)) for number in range(1, MAX_ENDPOINTS * 5 // 8)]
    made = handover_kit.Relayed(line_kit.pcap(tmp_path / "flood.pcap", flood + write))
    for piece in made.pieces():
        made.relays[0].run(piece)
        made.tick()
    relay, inventory = made.relays[0], made.reading.inventory
    assert relay.line.counts()["endpoints_overflowed"] == 0
    assert relay.line.counts()["endpoints_forgotten"] > 65_000  # all but those of open conversations
    gc.collect()
    assert set(relay.mirror.ends) == relay.teller.ends
    assert len(relay.teller.ends) < MAX_ENDPOINTS
    assert len(made.registry.endpoints) <= len(relay.mirror.ends) + len(inventory.assets)
    found = made.finish()
    plain = line_kit.reading(line_kit.PCAPS / "modbus-write.pcapng").run()
    assert handover_kit.found(found, "behaviours") == handover_kit.found(plain, "behaviours")
    assert {alert.rule.name for alert in plain.alerts} <= {alert.rule.name for alert in found.alerts}
