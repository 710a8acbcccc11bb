"""The socket on which a service listens."""

import os
import socket

from glyphd.errors import InvalidSettings

# Beyond this the system drops new connections, and clients try again after a second at the
# earliest.
BACKLOG = 1024


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on one address of the host, preferably an IPv4 address.

    Raises InvalidSettings in one line.
    """
    try:
        found = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError):
        raise InvalidSettings(f"can't listen on {host}: no such address") from None
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    try:
        return socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise InvalidSettings(f"can't listen on {host} port {port}: {reason}") from None
