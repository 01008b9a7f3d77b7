"""A scene with everything in it."""

from sensor.console.live.scene import (
    AlertRow,
    AssetRow,
    BehaviourRow,
    ConcernRow,
    InterfaceRow,
    OutboxRow,
    ProtocolRow,
    Scene,
    WorkerRow,
)

NS = 1_000_000_000
NOW = 1_800_000_000 * NS
LEVELS = ("critical", "high", "medium", "low", "informational")


def scene(name="span0", text="10.0.0.9 stopped the controller 10.0.0.21 (accepted)", alerts=5):
    """Return a scene whose every text holds `text` or `name`."""
    made = Scene(time=NOW, started=NOW - 3_600 * NS, sensor="north-1", place="north / cell-1", version="1.0")
    for second in range(1, 4):
        taps = [InterfaceRow(name, "up", second * 1_000, second * 64_000), InterfaceRow("span1", "down")]
        made.take_interfaces(taps)
        made.take_protocols([ProtocolRow("modbus", second * 400, 12, 3), ProtocolRow("dnp3", second * 9, 4)])
    for number in range(alerts):
        level = LEVELS[number % len(LEVELS)]
        made.take_alert(AlertRow(f"a{number}", NOW - number * NS, level, text, number + 1, "rule"))
    for number in range(9):
        made.take_behaviour(
            BehaviourRow(NOW, "10.0.0.9", f"10.0.0.{number}", "modbus", text, "refused", "stop", "target")
        )
        made.take_asset(AssetRow(NOW, f"10.0.0.{number}", name, "controller", text))
    made.workers = [WorkerRow(0, 11, True, 0.25), WorkerRow(1, 12, True, 0.5)]
    made.outbox = [OutboxRow("siem")]
    made.store, made.store_bytes = "/var/lib/otsensor/otsensor.db", 12_000_000
    made.protections = [("seccomp", "on", ""), ("landlock", "on", "")]
    made.say(NOW, "reloaded: 84 rules")
    return made


def troubled():
    """Return a scene in which all is wrong."""
    made = scene()
    made.concerns = [
        ConcernRow("one way (untagged): 83 % show one side only", NOW - 60 * NS, "one_way", grave=False),
        ConcernRow("no traffic (span1): for 3 min; expected some", NOW - 180 * NS, "no_traffic"),
    ]
    made.take_losses({"kernel_drops.span0": 0})
    made.take_losses({"kernel_drops.span0": 1_204, "held_bytes": 0})
    made.workers = [WorkerRow(0, 11, False, 0.0, 2)]
    made.outbox = [OutboxRow("siem", 40, 12.0, "Connection refused")]
    made.store_trouble = "disk full"
    made.protections = [("seccomp", "on", ""), ("landlock", "absent", "kernel 5.10")]
    return made
