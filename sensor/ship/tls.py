"""TLS towards a server: whom we trust, and who we are.

The rule it lives by: a certificate is always checked; there is no way to turn that off. Whoever has a self-signed one
names it as `ca`.
"""

import pathlib
import ssl


def context(
    ca: pathlib.Path | None = None, certificate: pathlib.Path | None = None, key: pathlib.Path | None = None
) -> ssl.SSLContext:
    """Return a client's context: `ca` PEM file (None: the system's), own `certificate` and `key`. Raises OSError."""
    made = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(ca) if ca is not None else None)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        made.load_cert_chain(str(certificate), str(key) if key is not None else None)
    return made


def server_context(certificate: pathlib.Path, key: pathlib.Path, ca: pathlib.Path | None = None) -> ssl.SSLContext:
    """Return a server's context; with `ca` every client must show a certificate of it. Raises OSError."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(ca) if ca is not None else None)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(str(certificate), str(key))
    if ca is not None:
        made.verify_mode = ssl.CERT_REQUIRED
    return made
