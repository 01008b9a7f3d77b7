"""Who is there: assets from traffic alone, roles by conduct with their reasons, facts with their evidence."""

import struct

import pytest
from made import NETWORK, SECOND, behaviour, endpoint, finding, talk

from sensor.contract import ACCEPTED, ORPHAN, REFUSED, UNANSWERED, Endpoint, Exchange, Network
from sensor.inventory import asset as assets
from sensor.inventory.asset import MAX_BEHAVIOURS, MAX_FACTS, Asset, Fact
from sensor.inventory.conduct import ROUTINE_POLLS, SEARCHING, role
from sensor.inventory.inventory import LEAST_ROOM, MAX_ASSETS, Inventory, is_somebody
from sensor.inventory.oui import table, vendor
from sensor.vocabulary import vocabulary
from tests.line import line_kit
from tests.line.line_kit import PCAPS, reading


def rows(found):
    return {row["address"]: row for row in found.rows("assets")}


def facts(found, address):
    number = rows(found)[address]["id"]
    return {row["attribute"]: row for row in found.rows("facts") if row["asset"] == number}


# --- Roles --------------------------------------------------------------------------------------------


def did(count=1, outcome=ACCEPTED, protocol="words", **what):
    """A behaviour that was seen some times."""
    of = behaviour(**what)
    of.protocol = protocol
    for number in range(count):
        exchange = Exchange("words", b"", 0, (number + 1) * SECOND)
        exchange.response_time = exchange.request_time + 1_000_000
        exchange.outcome = outcome
        of.count_in(exchange)
    return of


READ = {"operation": "read_words", "action": "read"}


def units(*numbers, outcome=ACCEPTED):
    return [did(ROUTINE_POLLS, outcome, protocol="modbus", unit=number, **READ) for number in numbers]


def judged(as_client=(), as_server=(), **known):
    asset = Asset(endpoint(1), SECOND, SECOND, **{"heard": True, **known})
    asset.as_client, asset.as_server = list(as_client), list(as_server)
    return role(asset)


@pytest.mark.parametrize(
    ("name", "reason", "conduct"),
    [
        ("controller", "answered 5 words requests of 1 client", {"as_server": [did(5)]}),
        (
            "controller",
            "answered 3 words requests of 2 clients",
            {"as_server": [did(1), did(2, client=9)], "as_client": [did(1, **READ)]},
        ),
        (
            "gateway",
            "answered 5 words requests of 1 client, and itself polls 10.0.0.2",
            {"as_server": [did(5)], "as_client": [did(ROUTINE_POLLS, **READ)]},
        ),
        (
            "engineering_station",
            "program download on 10.0.0.2",
            {"as_client": [did(1, operation="load", action="program_download"), did(50, **READ)]},
        ),
        (
            "engineering_station",
            "program upload, stop on 10.0.0.2",
            {"as_client": [did(1, action="program_upload"), did(1, action="stop")]},
        ),
        # Stopping a controller takes a packet, not an engineer.
        ("client", "asked 10.0.0.2 by words, without polling", {"as_client": [did(1, action="stop")]}),
        ("client", "asked 10.0.0.2 by words, without polling", {"as_client": [did(1, action="start")]}),
        ("gateway", "answered 6 modbus requests of 1 client, as 2 units", {"as_server": units("1", "2")}),
        # 0 and 255 are the server itself.
        ("controller", "answered 9 modbus requests of 1 client", {"as_server": units("1", "0", "255")}),
        ("controller", "answered 6 modbus requests of 1 client", {"as_server": units("1", "2", outcome=REFUSED)}),
        ("master", "polls 10.0.0.2 by words", {"as_client": [did(ROUTINE_POLLS, **READ)]}),
        (
            "master",
            "polls 10.0.0.2 and 2 more by words and commands 10.0.0.9",
            {"as_client": [*(did(9, server=n, **READ) for n in (2, 3, 4)), did(1, server=9)]},
        ),
        ("client", "asked 10.0.0.2 by words, without polling", {"as_client": [did(ROUTINE_POLLS - 1, **READ), did(1)]}),
        ("scanner", f"opened {SEARCHING} conversations that nobody answered", {"sought": SEARCHING}),
        (
            "scanner",
            f"opened {SEARCHING} conversations that nobody answered, and spoke words",
            {"sought": SEARCHING, "as_client": [did(1)]},
        ),
        ("server", "answers on tcp/443 and tcp/80", {"serves": {"tcp/443": None, "tcp/80": None}}),
        ("host", "seen, in no role that this sensor knows", {"sought": SEARCHING - 1}),
        ("unheard", "was spoken to and never seen to answer", {"heard": False}),
        # What was asked of somebody who never answered says nothing of him.
        ("unheard", "was spoken to and never seen to answer", {"heard": False, "as_server": [did(9, UNANSWERED)]}),
        ("controller", "answered 9 words requests of 1 client", {"as_server": [did(9, REFUSED)]}),
        (
            "controller",
            "answered 2 words requests of 1 client",
            {"as_server": [did(2), did(9, UNANSWERED), did(9, UNANSWERED, client=9)]},
        ),
        ("controller", "answered 1 words requests of 1 client", {"as_server": [did(1, ORPHAN)]}),
    ],
)
def test_a_role_is_judged_by_conduct_and_says_why(name, reason, conduct):
    assert judged(**conduct) == (name, reason)


PLANT = {
    "192.168.10.10": ("master", "polls 192.168.10.21 and 3 more"),
    "192.168.10.11": ("master", "polls 192.168.10.21 and 2 more"),
    "192.168.10.12": ("engineering_station", "on 192.168.10.23"),
    "192.168.10.21": ("controller", "modbus requests of 4 clients"),
    "192.168.10.22": ("gateway", "modbus requests of 3 clients, as 2 units"),
    "192.168.10.23": ("controller", "s7comm requests of 4 clients"),
    "192.168.10.24": ("outstation", "dnp3 requests of 2 clients"),
    "192.168.10.66": ("scanner", "conversations that nobody answered"),
}


STRANGE = ("plant.pcapng", "network-scan.pcapng", "arp-spoofing.pcapng", "one-way.pcap")  # have a laptop, or one side


def test_the_plants_people_and_machines_are_told_apart():
    found = rows(reading(PCAPS / "plant.pcapng"))
    assert found.keys() == PLANT.keys()
    for address, (name, reason) in PLANT.items():
        assert found[address]["role"] == name
        assert reason in found[address]["reason"]


@pytest.mark.parametrize("name", [name for name in line_kit.OWN if name not in STRANGE])
def test_controllers_are_what_they_are_in_every_capture(name):
    for address, row in rows(reading(PCAPS / name)).items():
        last = int(address.rsplit(".", 1)[1])
        if 21 <= last <= 24:
            roles = {22: ("controller", "gateway"), 24: ("outstation",)}.get(last, ("controller",))
            assert row["role"] in roles, (address, row["reason"])
        else:
            assert row["role"] in ("master", "client", "engineering_station"), (address, row["reason"])


def test_who_searches_a_network_is_a_scanner_and_who_was_searched_is_not():
    found = rows(reading(PCAPS / "network-scan.pcapng"))
    assert found["192.168.10.66"]["role"] == "scanner"
    assert [row["role"] for row in found.values()].count("scanner") == 1


# --- Vendors and MACs ---------------------------------------------------------------------------------


def test_vendors_come_from_the_register():
    assert len(table()) > 30_000
    assert table() == sorted(table())
    assert vendor(bytes.fromhex("001b1b5de048")) == "Siemens"
    assert vendor(bytes.fromhex("00d0c9a4109e")).upper().startswith("ADVANTECH")
    assert vendor(bytes.fromhex("0080f41a33c2")) == "TELEMECANIQUE ELECTRIQUE"  # Schneider since


@pytest.mark.parametrize(
    "mac", ["021b1b5de048", "031b1b5de048", "011b1b5de048", "00ffff000000", "001b1b", "", "ff" * 6]
)
def test_a_made_up_or_group_address_has_no_vendor(mac):
    assert vendor(bytes.fromhex(mac)) == ""


def test_a_vendor_known_by_its_mac_is_half_believed_and_the_device_itself_wholly():
    found = facts(reading(PCAPS / "plant.pcapng"), "192.168.10.10")
    assert (found["vendor"]["value"], found["vendor"]["source"], found["vendor"]["confidence"]) == ("Dell", "oui", 0.5)
    asset = Asset(endpoint(1), 0, 0)
    asset.learn(Fact("vendor", "Chip Maker", "oui", 0.5, 0, 9 * SECOND))
    asset.learn(Fact("vendor", "Pump Maker", "modbus", 1.0, 0, SECOND))
    assert asset.fact("vendor") == "Pump Maker"


def routed(tmp_path, ttl):
    """A poll of a controller that lies behind a router."""
    talk_ = line_kit.Talk(
        client=("10.0.0.1", 50000), server=("10.9.9.9", 502), macs=(b"\0\x1b\x1b\0\0\1", b"\0\0\x0c\0\0\2")
    )
    for number in range(4):
        for direction, adu in enumerate(line_kit.modbus_read(number)):
            talk_.say(direction, adu)
    behind = line_kit.ip("10.9.9.9")
    frames = [frame[:22] + bytes((ttl,)) + frame[23:] if frame[26:30] == behind else frame for frame in talk_.close()]
    return rows(reading(line_kit.pcap(tmp_path / "routed.pcap", frames)))


def test_the_mac_of_a_router_is_not_the_machines_behind_it(tmp_path):
    found = routed(tmp_path, 62)
    assert found["10.0.0.1"]["macs"] == ["00:1b:1b:00:00:01"]
    assert found["10.9.9.9"]["macs"] == []
    assert found["10.9.9.9"]["vendor"] == ""
    assert found["10.9.9.9"]["role"] == "controller"


def test_a_neighbour_has_its_own_mac(tmp_path):
    assert routed(tmp_path, 64)["10.9.9.9"]["macs"] == ["00:00:0c:00:00:02"]


def test_two_addresses_of_one_card_stay_two_assets_that_name_it(tmp_path):
    mac, other = b"\0\x1b\x1b\0\0\7", b"\0\x1b\x1b\0\0\1"
    frames = []
    for address in ("10.0.0.7", "10.0.0.8"):
        one = line_kit.Talk(server=(address, 502), macs=(other, mac))
        for direction, adu in enumerate(line_kit.modbus_read(1)):
            one.say(direction, adu)
        frames += one.close()
    found = rows(reading(line_kit.pcap(tmp_path / "card.pcap", frames)))
    assert {address: row["macs"] for address, row in found.items()} == {
        "10.0.0.1": ["00:1b:1b:00:00:01"],
        "10.0.0.7": ["00:1b:1b:00:00:07"],
        "10.0.0.8": ["00:1b:1b:00:00:07"],
    }
    assert len({row["id"] for row in found.values()}) == 3


def test_a_machine_that_speaks_no_ip_is_an_asset_by_its_mac(tmp_path):
    def arp(mac, address):
        body = (
            struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + mac + line_kit.ip(address) + bytes(6) + line_kit.ip("10.0.0.9")
        )
        return b"\xff" * 6 + mac + b"\x08\x06" + body

    goose = b"\x01\x0c\xcd\x01\0\1" + b"\x00\x30\xa7\1\2\3" + b"\x88\xb8" + bytes(60)
    frames = [goose, arp(b"\0\x1b\x1b\0\0\1", "10.0.0.1"), goose]
    found = rows(reading(line_kit.pcap(tmp_path / "goose.pcap", frames)))
    assert "00:30:a7:01:02:03" in found
    assert not any(address.startswith(("ff:ff", "01:0c")) for address in found)


# --- Units and facts ----------------------------------------------------------------------------------


def test_units_are_those_that_answered_what_was_asked():
    found = rows(reading(PCAPS / "plant.pcapng"))
    assert found["192.168.10.22"]["units"] == ["modbus 1", "modbus 2"]  # and 18 more were sought in vain
    assert found["192.168.10.24"]["units"] == ["dnp3 10"]
    assert "s7comm 0/2" in found["192.168.10.23"]["units"]
    assert rows(reading(PCAPS / "one-way.pcap"))["192.168.10.10"]["units"] == []


def test_what_a_device_says_of_itself_is_a_fact_with_its_frame():
    found = reading(PCAPS / "modbus-identify.pcapng")
    said = {m.number: m.fields() for m in line_kit.messages(PCAPS / "modbus-identify.pcapng") if m.kind == "response"}
    known = facts(found, "192.168.10.21")
    assert rows(found)["192.168.10.21"]["model"]
    for attribute, field in (("model", "modbus.product_name"), ("firmware", "modbus.revision")):
        fact = known[attribute]
        assert (fact["source"], fact["confidence"]) == ("modbus", 1.0)
        assert field in vocabulary().facts()
        assert fact["value"] in said[fact["frame"]].values()
        assert fact["file"].endswith("modbus-identify.pcapng")


def test_an_s7_controller_states_order_number_and_name():
    row = rows(reading(PCAPS / "plant.pcapng"))["192.168.10.23"]
    assert (row["name"], row["firmware"]) == ("FILTER", "V3.2.6")
    assert "CPU 315-2 PN/DP" in row["model"]


def test_names_people_gave_win_over_what_a_device_says():
    inventory = Inventory({"10.0.0.2": "Pump 7"}, {"words.text": "name"})
    inventory.find(finding(news="client", operation="who", action="identify", response={"words.text": "PUMP_A"}))
    asset = inventory.known(endpoint(2))
    assert (asset.name, asset.fact("name")) == ("Pump 7", "PUMP_A")


def test_a_changed_fact_is_news_once_and_brings_the_value_before():
    inventory = Inventory({}, {"words.text": "firmware"})

    def told(value, time):
        found = finding(time=time, operation="who", action="identify", response={"words.text": value})
        return [(fact.value, previous) for _, fact, previous in inventory.find(found)]

    assert told("1.0", 1 * SECOND) == [("1.0", "")]
    assert told("1.0", 2 * SECOND) == []
    assert told("1.1", 3 * SECOND) == [("1.1", "1.0")]
    assert inventory.known(endpoint(2)).fact("firmware") == "1.1"


def test_only_answers_about_identity_are_taken_for_facts():
    inventory = Inventory({}, {"words.text": "firmware"})
    assert inventory.find(finding(operation="read_words", action="read", response={"words.text": "x"})) == []
    assert inventory.find(finding(operation="who", action="identify", request={"words.text": "x"})) == []
    assert inventory.known(endpoint(2)).facts == {}


# --- Bounds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "somebody"),
    [("0a000001", True), ("e0000001", False), ("ffffffff", False), ("0a0000ff", False), ("00000000", False),
     ("fe80" + "0" * 27 + "1", True), ("ff02" + "0" * 27 + "1", False), ("0" * 32, False),
     ("001b1b000001", True), ("010ccd010001", False), ("ffffffffffff", False), ("000000000000", False)],
)  # fmt: skip
def test_groups_and_nobody_are_no_assets(address, somebody):
    assert is_somebody(bytes.fromhex(address)) is somebody


def test_assets_are_bounded_and_what_is_refused_is_counted():
    inventory = Inventory({}, {})
    for number in range(MAX_ASSETS + 5):
        address = (0x0A000002 + number * 2).to_bytes(4, "big")  # even: none is a broadcast
        inventory.asset(Endpoint(number, NETWORK, address, f"{number}"), SECOND)
    assert (len(inventory.assets), inventory.refused) == (MAX_ASSETS, 5)


def test_who_only_passed_by_makes_room_and_whoever_was_answered_stays():
    inventory = Inventory({}, {})
    answered, asking = talk(), finding(news="client", client=7, server=8)
    inventory.opened(answered, SECOND)
    inventory.closed(answered, SECOND, answered=True)
    inventory.find(asking)
    for number in range(MAX_ASSETS):
        passing = Endpoint(number + 9, NETWORK, (0x0B000002 + number * 2).to_bytes(4, "big"), f"{number}")
        passing.mac = bytes.fromhex("00d0c9a4109e")
        found = inventory.asset(passing, SECOND)
        if found is not None:
            inventory.see_mac(found)
    assert inventory.refused == 4
    for gone in inventory.make_room(100 * SECOND):
        inventory.forget(gone)
    assert {asset.endpoint.text for asset in inventory.assets} == {"10.0.0.1", "10.0.0.2", "10.0.0.7", "10.0.0.8"}
    assert inventory.counts() == {"assets_refused": 4, "assets_forgotten": MAX_ASSETS - 4}
    assert inventory.behind == {}


def crowd(inventory, seen):
    """Fill a table with machines, each later than the one before, and let `seen` happen to each."""
    for number in range(MAX_ASSETS - len(inventory.assets)):
        one = Endpoint(number + 9, NETWORK, (0x0B000002 + number * 2).to_bytes(4, "big"), f"{number}")
        seen(inventory.asset(one, (number + 2) * SECOND))


def test_where_all_look_alive_the_least_heard_make_room_and_never_the_plants_own():
    inventory = Inventory({"10.0.0.5": "Pump 7"}, {})
    inventory.find(finding(news="client", client=7, server=8))
    inventory.asset(endpoint(5), SECOND)

    def answered(asset):
        asset.answered = True

    crowd(inventory, answered)
    gone = inventory.make_room((MAX_ASSETS + 100) * SECOND)
    assert [asset.endpoint.text for asset in gone] == [f"{number}" for number in range(LEAST_ROOM)]
    for asset in gone:
        inventory.forget(asset)
    assert {"10.0.0.5", "10.0.0.7", "10.0.0.8"} < {asset.endpoint.text for asset in inventory.assets}


def test_who_takes_part_in_an_open_conversation_does_not_pass_by():
    inventory, found = Inventory({}, {}), talk()
    inventory.opened(found, SECOND)
    assert {asset.passed_by() for asset in inventory.assets} == {True}
    inventory.answered(found)
    assert {asset.passed_by() for asset in inventory.assets} == {False}


def test_it_is_crowded_from_half_full_until_an_hour_after_it_was_full():
    inventory = Inventory({}, {})
    inventory.make_room(SECOND)
    assert not inventory.crowded
    crowd(inventory, id)
    full = (MAX_ASSETS + 10) * SECOND
    for gone in inventory.make_room(full):
        inventory.forget(gone)
    assert inventory.crowded
    inventory.make_room(full + 3599 * SECOND)
    assert inventory.crowded
    inventory.make_room(full + 3601 * SECOND)
    assert not inventory.crowded


def test_an_asset_is_found_again_by_its_address_and_keeps_its_mac():
    inventory = Inventory({}, {})
    first, second = endpoint(1), Endpoint(99, NETWORK, endpoint(1).address, endpoint(1).text)
    first.mac = bytes.fromhex("00d0c9a4109e")
    asset = inventory.asset(first, SECOND)
    assert inventory.asset(second, 3 * SECOND) is asset
    assert (asset.endpoint, second.mac, asset.first_time) == (second, first.mac, SECOND)


def test_facts_and_behaviours_of_one_asset_are_bounded():
    asset = Asset(endpoint(1), 0, 0)
    for number in range(MAX_FACTS + 7):
        asset.learn(Fact("firmware", f"{number}", "modbus", 1.0, number, number))
    assert (len(asset.facts), asset.facts_refused) == (MAX_FACTS, 7)
    inventory = Inventory({}, {})
    for number in range(3 * MAX_BEHAVIOURS):
        inventory.find(finding(news="target", operation=f"read_{number}", action="read"))
    inventory.find(finding(news="operation", operation="load", action="program_download"))
    assert len(inventory.known(endpoint(1)).as_client) == MAX_BEHAVIOURS + 1
    assert role(inventory.known(endpoint(1))).name == "engineering_station"  # a deed beyond the first ones still counts


def test_an_assets_identity_is_its_place_and_address_alone():
    one = Asset(endpoint(1), 0, 0).identity()
    assert one == Asset(endpoint(1), SECOND, SECOND, name="x").identity()
    others = {
        Asset(Endpoint(7, Network(*place), bytes(4), text), 0, 0).identity()
        for place in ((0, "a", "b", "", ""), (0, "a", "", "b", ""), (0, "ab", "", "", ""), (0, "a", "b", "", "c"))
        for text in ("10.0.0.1", "10.0.0.2")
    }
    assert len({one, *others}) == 9
    assert assets.MAX_UNITS > 247


def test_times_of_an_asset_widen_whatever_the_order():
    inventory = Inventory({}, {})
    found = talk()
    for time in (5, 2, 9, 4):
        inventory.opened(found, time * SECOND)
    assert (inventory.known(endpoint(1)).first_time, inventory.known(endpoint(1)).last_time) == (2 * SECOND, 9 * SECOND)


@pytest.mark.parametrize(("asked", "answered"), [(True, True), (True, False), (False, True)])
def test_who_has_sent_a_message_of_an_exchange_is_heard_while_the_conversation_goes_on(asked, answered):
    inventory = Inventory({}, {})
    found = finding()
    found.talk.opener, found.talk.answerer = found.behaviour.client, found.behaviour.server
    found.behaviour.server.mac = bytes.fromhex("00d0c9a4109e")
    found.exchange.request_time = SECOND if asked else 0
    found.exchange.response_time = 2 * SECOND if answered else 0
    inventory.find(found)
    assert inventory.known(endpoint(1)).heard == asked
    assert inventory.known(endpoint(2)).heard == answered
    assert bool(inventory.known(endpoint(2)).macs) == answered
