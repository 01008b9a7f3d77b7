"""What is played for each capture. A scenario's docstring is its line in README.md."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from . import booster, engineer, filters, historian, hmi, intake, intruder, tower
from .modbus_framing import RTU_OVER_TCP, TUNNEL_PORT, UDP
from .plant import DNP3_PORT, HOSTS, MODBUS_PORT, S7_PORT

if TYPE_CHECKING:
    from collections.abc import Callable

    from .stage import Stage


class Scenario(NamedTuple):
    """One capture: its file, what is played, and what the tap does."""

    file: str
    play: Callable[[Stage], None]
    mirror: dict[str, list[str]] | None = None
    vlan: int = 0

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.file.rpartition(".")[0]

    @property
    def meaning(self) -> str:
        """What the capture shows."""
        return " ".join((self.play.__doc__ or "").split())


def _controllers(stage: Stage) -> None:
    stage.serve("intake", intake.serve, MODBUS_PORT)
    stage.serve("booster", booster.serve, MODBUS_PORT)
    stage.serve("filter", filters.serve, S7_PORT)
    stage.serve("tower", tower.serve, DNP3_PORT)


def plant(stage: Stage) -> None:
    """The whole story: polling, some operator's commands, maintenance, an intruder from scan to stop, the repair."""
    _controllers(stage)
    stage.record()
    stage.begin("hmi", hmi.everything)
    time.sleep(1)
    stage.begin("historian", historian.everything)
    time.sleep(89)
    stage.act("engineer", engineer.maintenance)
    time.sleep(25)
    stage.act("laptop", intruder.attack)
    time.sleep(14)
    stage.act("engineer", engineer.repair)
    time.sleep(15)


def network_scan(stage: Stage) -> None:
    """The laptop sweeps all addresses by ARP and knocks at 23 TCP ports of each host."""
    _controllers(stage)
    stage.record()
    stage.act("laptop", intruder.look_round)


def arp_spoofing(stage: Stage) -> None:
    """The laptop tells control room and tower that it is the other of them, and passes nothing on; polling stalls."""
    stage.serve("tower", tower.serve, DNP3_PORT)
    stage.record()
    stage.begin("hmi", hmi.tower)
    time.sleep(8)
    stage.act("laptop", intruder.spoof_arp)
    time.sleep(6)


def modbus_polling(stage: Stage) -> None:
    """The control room polls wells and both booster drives each second, the historian each five."""
    stage.serve("intake", intake.serve, MODBUS_PORT)
    stage.serve("booster", booster.serve, MODBUS_PORT)
    stage.record()
    stage.begin("hmi", hmi.intake)
    stage.begin("hmi", hmi.booster)
    stage.begin("historian", historian.wells)
    time.sleep(16)


def modbus_scan(stage: Stage) -> None:
    """The laptop sweeps units behind the gateway (exception 11), the wells' functions and addresses (exception 2)."""
    stage.serve("intake", intake.serve, MODBUS_PORT)
    stage.serve("booster", booster.serve, MODBUS_PORT)
    stage.record()
    stage.act("laptop", intruder.sweep_units)
    stage.act("laptop", intruder.probe_functions)


def modbus_write(stage: Stage) -> None:
    """The operator writes once; the laptop uses every writing function, two are refused, and switches a pump."""
    stage.serve("intake", intake.serve, MODBUS_PORT)
    stage.record()
    stage.begin("hmi", hmi.intake, orders=4)
    time.sleep(8)
    stage.act("laptop", intruder.write_modbus)
    stage.act("laptop", intruder.chatter)
    time.sleep(2)


def modbus_identify(stage: Stage) -> None:
    """The engineering station reads both devices' identification (basic, regular, extended, one) and server id."""
    stage.serve("intake", intake.serve, MODBUS_PORT)
    stage.serve("booster", booster.serve, MODBUS_PORT)
    stage.record()
    for target in ("intake", "booster"):
        stage.act("engineer", engineer.identify_modbus, target=target)


def modbus_diagnostics(stage: Stage) -> None:
    """The laptop clears counters, restarts communications, forces listen-only mode: polls go unanswered."""
    stage.serve("intake", intake.serve, MODBUS_PORT)
    stage.record()
    stage.begin("hmi", hmi.intake)
    time.sleep(3)
    stage.act("laptop", intruder.silence_modbus)
    time.sleep(4)


def modbus_rtu(stage: Stage) -> None:
    """The control room polls both drives, and writes once, with serial frames (RTU) tunnelled in TCP at port 4001."""
    stage.serve("booster", booster.serve, TUNNEL_PORT, framing=RTU_OVER_TCP)
    stage.record()
    stage.begin("hmi", hmi.booster, orders=3, framing=RTU_OVER_TCP)
    time.sleep(8)


def modbus_udp(stage: Stage) -> None:
    """The control room polls both drives, and writes once, over UDP."""
    stage.serve("booster", booster.serve, MODBUS_PORT, framing=UDP)
    stage.record()
    stage.begin("hmi", hmi.booster, orders=3, framing=UDP)
    time.sleep(8)


def dnp3_polling(stage: Stage) -> None:
    """The control room starts up with the tower (clear restart, integrity, time), then polls its events."""
    stage.serve("tower", tower.serve, DNP3_PORT)
    stage.record()
    stage.begin("hmi", hmi.tower)
    time.sleep(20)


def dnp3_operate(stage: Stage) -> None:
    """The operator selects and operates; the laptop operates directly, once without answer, once refused."""
    stage.serve("tower", tower.serve, DNP3_PORT)
    stage.record()
    stage.begin("hmi", hmi.tower, orders=(3, 3))
    time.sleep(8)
    stage.act("laptop", intruder.operate_dnp3)
    time.sleep(12)


def dnp3_restart(stage: Stage) -> None:
    """The laptop takes the tower's line and restarts it, warm then cold; the control room finds it restarted."""
    stage.serve("tower", tower.serve, DNP3_PORT)
    stage.record()
    stage.begin("hmi", hmi.tower)
    time.sleep(4)
    stage.act("laptop", intruder.restart_dnp3, cold=False)
    time.sleep(14)
    stage.act("laptop", intruder.restart_dnp3, cold=True)
    time.sleep(18)


def dnp3_configure(stage: Stage) -> None:
    """The engineering station freezes counters and assigns classes; absent points and a dead band are refused."""
    stage.serve("tower", tower.serve, DNP3_PORT)
    stage.record()
    stage.act("engineer", engineer.configure_tower)


def dnp3_unsolicited(stage: Stage) -> None:
    """The tower reports events unasked and is confirmed; the laptop's disabling silences it."""
    stage.serve("tower", tower.serve, DNP3_PORT, unsolicited=True)
    stage.record()
    stage.begin("hmi", hmi.tower, events=3600.0)
    time.sleep(12)
    stage.act("laptop", intruder.silence_dnp3)
    time.sleep(20)


def s7_polling(stage: Stage) -> None:
    """The panel reads three areas in one request each second, the historian one block each five."""
    stage.serve("filter", filters.serve, S7_PORT)
    stage.record()
    stage.begin("hmi", hmi.filters)
    stage.begin("historian", historian.filters)
    time.sleep(16)


def s7_identify(stage: Stage) -> None:
    """The engineering station reads status lists, one is not there; the laptop tries slots, lists, values."""
    stage.serve("filter", filters.serve, S7_PORT)
    stage.record()
    stage.act("engineer", engineer.identify_s7)
    stage.act("laptop", intruder.identify_s7)


def s7_stop(stage: Stage) -> None:
    """The laptop stops the controller; the engineering station starts it hot, stops it, starts it cold."""
    stage.serve("filter", filters.serve, S7_PORT)
    stage.record()
    stage.begin("hmi", hmi.filters)
    time.sleep(2)
    stage.act("laptop", intruder.stop_s7)
    time.sleep(2)
    stage.act("engineer", engineer.restart_filter)
    stage.act("engineer", engineer.cold_start)
    time.sleep(2)


def s7_write(stage: Stage) -> None:
    """The laptop writes set points, outputs and flags while the panel polls; a block that is not there is refused."""
    stage.serve("filter", filters.serve, S7_PORT)
    stage.record()
    stage.begin("hmi", hmi.filters)
    time.sleep(2)
    stage.act("laptop", intruder.write_s7)
    time.sleep(2)


def s7_upload(stage: Stage) -> None:
    """The engineering station lists blocks and uploads two; a third is not there."""
    stage.serve("filter", filters.serve, S7_PORT)
    stage.record()
    stage.act("engineer", engineer.upload)


def s7_download(stage: Stage) -> None:
    """The engineering station logs in, downloads a block, copies RAM to ROM, compresses; one block is refused."""
    stage.serve("filter", filters.serve, S7_PORT)
    stage.record()
    stage.act("engineer", engineer.download)
    stage.act("engineer", engineer.compress)


def s7_clock(stage: Stage) -> None:
    """The engineering station reads, sets and reads the controller's clock."""
    stage.serve("filter", filters.serve, S7_PORT)
    stage.record()
    stage.act("engineer", engineer.clock)


def _all_protocols(stage: Stage, seconds: float) -> None:
    _controllers(stage)
    stage.record()
    for deed in (hmi.intake, hmi.filters, hmi.tower):
        stage.begin("hmi", deed)
    time.sleep(seconds)


def mirror_doubled(stage: Stage) -> None:
    """Polling of wells, filters and tower, every frame twice: the mirror copies what enters and leaves each port."""
    _all_protocols(stage, 6)


def vlan(stage: Stage) -> None:
    """Polling of wells, filters and tower, tagged with VLAN 110."""
    _all_protocols(stage, 6)


def one_way(stage: Stage) -> None:
    """Polling of wells, filters and tower, of which the mirror gives only what the control room sends."""
    _all_protocols(stage, 10)


def joined_late(stage: Stage) -> None:
    """Polling that began before the capture: no handshakes, no S7 setup, no DNP3 start-up; one select and operate."""
    _controllers(stage)
    stage.begin("hmi", hmi.intake)
    stage.begin("hmi", hmi.filters)
    stage.begin("hmi", hmi.tower, orders=(7,))
    time.sleep(4)
    stage.record()
    time.sleep(8)


EVERYBODY = [host.name for host in HOSTS]
ALL = (
    Scenario("plant.pcapng", plant),
    Scenario("network-scan.pcapng", network_scan),
    Scenario("arp-spoofing.pcapng", arp_spoofing),
    Scenario("modbus-polling.pcapng", modbus_polling),
    Scenario("modbus-scan.pcapng", modbus_scan),
    Scenario("modbus-write.pcapng", modbus_write),
    Scenario("modbus-identify.pcapng", modbus_identify),
    Scenario("modbus-diagnostics.pcapng", modbus_diagnostics),
    Scenario("modbus-rtu.pcapng", modbus_rtu),
    Scenario("modbus-udp.pcapng", modbus_udp),
    Scenario("dnp3-polling.pcapng", dnp3_polling),
    Scenario("dnp3-operate.pcapng", dnp3_operate),
    Scenario("dnp3-restart.pcapng", dnp3_restart),
    Scenario("dnp3-configure.pcapng", dnp3_configure),
    Scenario("dnp3-unsolicited.pcapng", dnp3_unsolicited),
    Scenario("s7-polling.pcapng", s7_polling),
    Scenario("s7-identify.pcapng", s7_identify),
    Scenario("s7-stop.pcapng", s7_stop),
    Scenario("s7-write.pcapng", s7_write),
    Scenario("s7-upload.pcapng", s7_upload),
    Scenario("s7-download.pcapng", s7_download),
    Scenario("s7-clock.pcapng", s7_clock),
    Scenario("mirror-doubled.pcap", mirror_doubled, {"ingress": EVERYBODY, "egress": EVERYBODY}),
    Scenario("vlan.pcap", vlan, vlan=110),
    Scenario("one-way.pcap", one_way, {"ingress": ["hmi"]}),
    Scenario("joined-late.pcap", joined_late),
)
