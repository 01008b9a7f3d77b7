"""A mail through a local relay: a text, and the same as HTML.

The rule it lives by: no address, name or subject can add a line to the head of a mail.
"""

from __future__ import annotations

import email.policy
import email.utils
import smtplib
from email.message import EmailMessage
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMEOUT_SECONDS: Final = 30.0
PORT: Final = 25
MAX_HEAD: Final = 500  # a subject folded at 78 is shown by some readers with the fold in it; RFC 5322 allows 998


class NotMailed(Exception):  # noqa: N818  # a state of the world
    """The relay did not take the mail; the text says why."""


def compose(subject: str, sender: str, to: Sequence[str], text: str, html: str) -> EmailMessage:
    """Return a mail; raise ValueError for an address that is none."""
    for one in (sender, *to):
        if "@" not in one or any(letter.isspace() or not letter.isprintable() for letter in one):
            raise ValueError(f"{one!r} is no mail address")
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["Subject"] = " ".join(subject.split())
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Date"] = email.utils.formatdate(usegmt=True)
    mail["Message-ID"] = email.utils.make_msgid(domain=sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    mail.policy = mail.policy.clone(max_line_length=MAX_HEAD)
    return mail


def send(mail: EmailMessage, host: str, port: int = PORT) -> None:
    """Give a mail to a relay of the own network: no TLS, no password. Raises NotMailed, also for one of several."""
    try:
        with smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS) as relay:
            refused = relay.send_message(mail)
    except (OSError, smtplib.SMTPException) as error:
        raise NotMailed(f"{host} port {port}: {error}") from error
    if refused:
        raise NotMailed(f"{host} port {port} refuses {', '.join(refused)}")
