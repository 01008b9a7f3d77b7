"""The connection to one node: through a proxy where one is named, and never longer than the deadline.

The rule it lives by: a server may answer byte by byte for ever, so it is the whole request that has a deadline.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any, ClassVar

from elastic_transport import ConnectionTimeout, Urllib3HttpNode
from urllib3.util import parse_url

if TYPE_CHECKING:
    from elastic_transport import NodeConfig


class Node(Urllib3HttpNode):
    """A node whose requests end by a deadline."""

    proxy: ClassVar[str] = ""
    deadline: ClassVar[float] = 60.0  # s

    @classmethod
    def through(cls, proxy: str, deadline: float) -> type[Node]:
        """Return a class of nodes that are reached through a proxy ("": directly)."""
        return type("Node", (cls,), {"proxy": proxy, "deadline": deadline})

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        self.connection: Any = None  # the one in use
        self.late = False
        take = self.pool._get_conn  # noqa: SLF001  # the only place where urllib3 tells which connection it uses

        def noted(timeout: float | None = None) -> Any:
            self.connection = taken = take(timeout)
            return taken

        self.pool._get_conn = noted  # type: ignore[method-assign]  # noqa: SLF001
        if self.proxy:
            self.pool.proxy = parse_url(self.proxy)
            self.pool.conn_kw["proxy"] = self.pool.proxy
            self.pool.conn_kw.setdefault("socket_options", [])

    def perform_request(self, method: str, target: str, *arguments: Any, **options: Any) -> Any:
        """Send one request and return its answer."""
        self.late = False
        watch = threading.Timer(self.deadline, self.cut)
        watch.daemon = True
        watch.start()
        try:
            return super().perform_request(method, target, *arguments, **options)
        except Exception as error:
            if self.late:
                raise ConnectionTimeout(f"no whole answer within {self.deadline:g} s") from error
            raise
        finally:
            watch.cancel()

    def cut(self) -> None:
        """End the request in progress."""
        self.late = True
        connection = self.connection
        found: socket.socket | None = getattr(connection, "sock", None)
        if found is not None:
            with contextlib.suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)
