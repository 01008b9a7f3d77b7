"""The words of the sensor's own condition, as rules see it: what a concern is about, where, and what was found.

The rule it lives by: each kind of concern is declared here with its meaning; rules, documents, docs and whoever judges
take it from here.
"""

from sensor.vocabulary import Field

CONCERNS = {
    # --- Blind: part of what happens is not seen, not kept or not passed on
    "no_traffic": "Nothing is heard, for longer than any pause usual here",
    "interface_down": "A capture interface is down or gone",
    "one_way": "Of most TCP conversations of a network only one side is heard: the mirror copies one direction",
    "kernel_drops": "The kernel dropped frames because the sensor did not fetch them in time",
    "own_drops": "The sensor itself dropped something on the way from the frame to the store, by the name of the counter",
    "store_unwritable": "The store cannot be written: what is found is not kept",
    "shipper_ended": "Nothing keeps the shipper alive: shipping may stop, and the store outgrow its limits",
    # --- Impaired: what is seen has holes
    "traffic_fallen": "Far fewer frames than usual",
    "gaps": "TCP streams have holes: the mirror or the switch loses frames",
    "cut": "Frames are cut short: by a snap length, or by the mirror",
    "unparsed": "Much of what is said in a protocol, or on its ports, cannot be read as it",
    "worker_died": "A capture worker died and was started anew",
    "table_full": "A table has reached its bound, by the name of the counter",
    # --- Silence
    "network_silent": "A network (VLAN, tunnel) that was heard regularly is not heard any more",
    "talker_silent": "A machine that was heard regularly is not heard any more",
    # --- Odd: what is seen is whole, but not as it was on the wire
    "doubled": "The mirror copies each frame twice",
    "long_frames": "Frames are longer than Ethernet has them: glued together by the network card, or jumbo frames",
    "checksums_unfinished": "Checksums are not filled in: captured on a sending host that leaves them to its card",
    "clock_step": "The clock was set, or nobody listened for a while",
}

# Those because of which part of what happens is not seen, not kept or not passed on
BLINDING = ("no_traffic", "interface_down", "one_way", "kernel_drops", "own_drops", "store_unwritable", "shipper_ended")

FIELDS: tuple[Field, ...] = (
    Field("ot.health.kind", "keyword", "What the sensor is concerned about", values=tuple(CONCERNS)),
    Field("ot.health.where", "keyword", "Where: interface, network, machine, protocol, or the name of a counter"),
    Field("ot.health.found", "keyword", "What was found"),
    Field("ot.health.expected", "keyword", "What was expected instead"),
    Field("ot.health.since", "date", "Since when, capture time"),
    Field("ot.health.over", "boolean", "The concern has ended"),
)
