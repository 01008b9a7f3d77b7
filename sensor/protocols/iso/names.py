"""COTP's code tables (ISO 8073, clause 13), and what S7 partners write into their TSAPs.

The rule it lives by: a code without an entry is written with its number, never guessed.
"""

from typing import Final

# Clause 13.2.2.1: kinds of TPDU, by their code octet with the credit bits of CR and CC cleared
TPDUS: Final = {
    0x10: "expedited_data",
    0x20: "expedited_data_acknowledgement",
    0x50: "reject",
    0x60: "data_acknowledgement",
    0x70: "error",
    0x80: "disconnect_request",
    0xC0: "disconnect_confirm",
    0xD0: "connect_confirm",
    0xE0: "connect_request",
    0xF0: "data",
}

# Clause 13.5.3 d): why a connection was refused or cleared
DISCONNECT_REASONS: Final = {
    0: "not_specified",
    1: "congestion_at_tsap",
    2: "session_entity_not_attached",
    3: "address_unknown",
    128: "normal_disconnect",
    129: "remote_congestion",
    130: "negotiation_failed",
    131: "duplicate_source_reference",
    132: "mismatched_references",
    133: "protocol_error",
    135: "reference_overflow",
    136: "refused_on_this_network_connection",
    138: "header_or_parameter_length_invalid",
}

# Clause 13.12.3 c): why a TPDU was rejected
REJECT_CAUSES: Final = {
    0: "not_specified",
    1: "invalid_parameter_code",
    2: "invalid_tpdu_type",
    3: "invalid_parameter_value",
}

# First octet of a two-octet S7 TSAP: the resource at the controller
CONNECTION_TYPES: Final = {1: "pg", 2: "op", 3: "basic"}

# Named TSAPs tell what the partner is
NAMED_CONNECTIONS: Final = (
    (b"SIMATIC-ROOT-ES", "engineering"),
    (b"SIMATIC-ROOT-HMI", "hmi"),
    (b"SIMATIC-ROOT-OTH", "other"),
)
CONNECTION_TYPE_NAMES: Final = ("pg", "op", "basic", "configured", "engineering", "hmi", "other", "rdp")
