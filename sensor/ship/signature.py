"""The signature of a webhook, as Standard Webhooks writes it: HMAC-SHA256 over id, timestamp and body.

The rule it lives by: who has the secret can tell that the body is ours, whole, and not an old one sent again.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final

PREFIX: Final = "whsec_"
TOLERANCE_SECONDS: Final = 300  # between the two clocks


def secret_bytes(text: str) -> bytes:
    """Return the secret's bytes: base64 after `whsec_`, the text itself without; raise ValueError."""
    text = text.strip()
    if not text.startswith(PREFIX):
        if not text:
            raise ValueError("the secret is empty")
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("what follows whsec_ is not base64") from None


def sign(secret: bytes, identity: str, timestamp: int, body: bytes) -> str:
    """Return the value of the header `webhook-signature`; `timestamp` in seconds since 1970."""
    said = b"%b.%d.%b" % (identity.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(secret, said, hashlib.sha256)).decode()


def verify(secret: bytes, identity: str, timestamp: str, body: bytes, signatures: str, now: float) -> bool:
    """Say whether one of `signatures` (separated by spaces) is right and the message not too old; for the receiver."""
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return False
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    right = sign(secret, identity, int(timestamp), body).encode()
    return any(hmac.compare_digest(right, one.encode()) for one in signatures.split(" "))
