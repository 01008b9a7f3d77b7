"""The fields of the Elastic Common Schema that our documents use, release 9.4.0.

The rule it lives by: names, types and meanings are theirs; nothing here is invented by us.
"""

from sensor.vocabulary import Field

VERSION = "9.4.0"


def end(name: str, whose: str) -> tuple[Field, ...]:
    """Declare one end of a conversation: `source` is the client, `destination` the server."""
    return (
        Field(f"{name}.address", "keyword", f"Address of the {whose}, IP or MAC", identity=True),
        Field(f"{name}.ip", "ip", f"IP address of the {whose}", identity=True),
        Field(f"{name}.mac", "keyword", f"MAC address of the {whose}, upper case with dashes"),
        Field(f"{name}.port", "long", f"Port of the {whose}"),
        Field(f"{name}.bytes", "long", f"Bytes sent by the {whose}", unit="bytes"),
        Field(f"{name}.packets", "long", f"Packets sent by the {whose}"),
        Field(f"{name}.domain", "keyword", f"Name of the {whose}"),
    )


FIELDS = (
    Field("@timestamp", "date", "Capture time"),
    Field("message", "text", "One sentence that says what happened"),
    Field("tags", "keyword", "Tags", many=True),
    Field("ecs.version", "keyword", "Release of the schema"),
    Field("data_stream.type", "keyword", "logs or metrics", values=("logs", "metrics")),
    Field("data_stream.dataset", "keyword", "The same as event.dataset"),
    Field("data_stream.namespace", "keyword", "Which part of the data stream this is, as configured"),
    # event
    Field(
        "event.kind", "keyword", "alert, event, asset, metric", values=("alert", "asset", "event", "metric", "state")
    ),
    Field("event.category", "keyword", "Category of the event", many=True),
    Field("event.type", "keyword", "Type of the event within its category", many=True),
    Field("event.action", "keyword", "What was done: our action word"),
    Field("event.outcome", "keyword", "How it ended, by the device's answer", values=("success", "failure", "unknown")),
    Field("event.dataset", "keyword", "What kind of document this is: otsensor.alert, otsensor.behaviour ..."),
    Field("event.module", "keyword", "Who made it"),
    Field("event.id", "keyword", "Id of the document"),
    Field("event.sequence", "long", "Running number of the sensor's documents, without gaps"),
    Field("event.severity", "long", "Severity as a number: 21 low, 47 medium, 73 high, 99 critical"),
    Field("event.risk_score", "double", "Risk, 0 to 100"),
    Field("event.reason", "keyword", "Why it happened: the alert's sentence"),
    Field("event.code", "keyword", "Id of the rule"),
    Field("event.created", "date", "When the sensor knew of it, in capture time"),
    Field("event.ingested", "date", "When it was sent"),
    Field("event.start", "date", "First time it was seen"),
    Field("event.end", "date", "Last time it was seen"),
    Field("event.duration", "long", "From first to last", unit="ns"),
    Field("event.provider", "keyword", "Source of the event: the rule language"),
    # who
    *end("source", "client"),
    *end("destination", "server"),
    Field("network.transport", "keyword", "tcp, udp ..."),
    Field("network.type", "keyword", "ipv4, ipv6"),
    Field("network.protocol", "keyword", "Application protocol: modbus, dnp3, s7comm", identity=True),
    Field("network.community_id", "keyword", "Hash of addresses, ports and transport, the same in every tool"),
    Field("network.direction", "keyword", "Direction relative to the plant"),
    Field("network.bytes", "long", "Bytes in both directions", unit="bytes"),
    Field("network.packets", "long", "Packets in both directions"),
    Field("network.vlan.id", "keyword", "VLAN id", identity=True),
    Field("network.inner.vlan.id", "keyword", "Inner VLAN id of a double tag"),
    Field("related.ip", "ip", "Every IP address in the document", many=True),
    Field("related.hosts", "keyword", "Every name in the document", many=True),
    Field("related.hash", "keyword", "Every hash in the document", many=True),
    # why
    Field("rule.id", "keyword", "Id of the rule"),
    Field("rule.uuid", "keyword", "Id of the rule"),
    Field("rule.name", "keyword", "Title of the rule"),
    Field("rule.description", "keyword", "What the rule looks for"),
    Field("rule.category", "keyword", "Protocol or subject of the rule"),
    Field("rule.ruleset", "keyword", "Collection the rule belongs to"),
    Field("rule.version", "keyword", "Date of the rule's last change"),
    Field("rule.reference", "keyword", "Where to read more"),
    Field("rule.author", "keyword", "Who wrote the rule", many=True),
    Field("rule.license", "keyword", "Licence of the rule"),
    Field("threat.framework", "keyword", "Whose techniques are named: MITRE ATT&CK for ICS"),
    Field("threat.tactic.id", "keyword", "Id of the tactic", many=True),
    Field("threat.tactic.name", "keyword", "Name of the tactic", many=True),
    Field("threat.tactic.reference", "keyword", "Where to read more about the tactic", many=True),
    Field("threat.technique.id", "keyword", "Id of the technique", many=True),
    Field("threat.technique.name", "keyword", "Name of the technique", many=True),
    Field("threat.technique.reference", "keyword", "Where to read more about the technique", many=True),
    Field("threat.technique.subtechnique.id", "keyword", "Id of the sub-technique", many=True),
    Field("threat.technique.subtechnique.name", "keyword", "Name of the sub-technique", many=True),
    Field("threat.technique.subtechnique.reference", "keyword", "Where to read more about it", many=True),
    # by whom
    Field("observer.type", "keyword", "What observed it: sensor"),
    Field("observer.name", "keyword", "Name of the sensor"),
    Field("observer.vendor", "keyword", "Vendor of the sensor"),
    Field("observer.product", "keyword", "Product"),
    Field("observer.version", "keyword", "Version of the sensor"),
    Field("observer.ingress.interface.name", "keyword", "Interface the frames came from"),
    Field("observer.ingress.zone", "keyword", "Zone of the point of observation"),
    # assets
    Field("device.id", "keyword", "Id of the device"),
    Field("device.manufacturer", "keyword", "Vendor of the device"),
    Field("device.model.identifier", "keyword", "Order number of the device"),
    Field("device.model.name", "keyword", "Model of the device"),
    Field("device.serial_number", "keyword", "Serial number of the device"),
    Field("host.ip", "ip", "IP addresses of the asset", many=True),
    Field("host.mac", "keyword", "MAC addresses of the asset", many=True),
    Field("host.name", "keyword", "Name of the asset"),
)
