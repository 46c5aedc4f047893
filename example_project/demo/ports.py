"""Ports of this machine."""

import socket

from .processes import ChildFailed

HOST = "127.0.0.1"
FIRST_WEB_PORT = 8000


def free_port() -> int:
    """A TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def web_port(wanted: int | None) -> int:
    """The port asked for; without a wish 8000, or the next free one. Raises `ChildFailed` if the wish cannot be met."""
    if wanted is not None and not 0 <= wanted <= 65535:
        raise ChildFailed(f"There is no port {wanted}. Choose one from 1 to 65535, or 0 for any that is free.")
    candidates = [wanted] if wanted is not None else list(range(FIRST_WEB_PORT, FIRST_WEB_PORT + 100))
    for port in candidates:
        if port == 0:
            return free_port()
        with socket.socket() as probe:
            # As servers do: a port in TIME_WAIT is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise ChildFailed(f"Port {candidates[0]} is taken. Choose another with --port.")
