"""The users of the tests' server, and what each may do.

The rule it lives by: the shipper is tried with the rights that `setup` asks for, not with an administrator's.
"""

from sensor.ship.elastic import templates

USERS = {
    "admin": "superuser",
    "shipper": "otsensor_shipper",
    "writer": "otsensor_create_only",  # may write history, and not look it up
    "analyst": "otsensor_reader",
    "stranger": "",
}

STREAMS = ["logs-otsensor.*-*", "metrics-otsensor.*-*"]
STATE = ["otsensor-alerts-*", "otsensor-assets-*"]


def roles() -> dict[str, dict]:
    """Return role by name."""
    return {
        "otsensor_shipper": templates.shipper_role(),
        "otsensor_create_only": {
            "cluster": ["monitor"],
            "indices": [{"names": STREAMS, "privileges": ["auto_configure", "create_doc"]}],
        },
        "otsensor_reader": {"indices": [{"names": [*STREAMS, *STATE], "privileges": ["read", "view_index_metadata"]}]},
    }
