"""A TCP relay between the bridge and the server, to be cut like a network cable."""

import socket
import struct
import threading
from contextlib import suppress

__all__ = ["Relay"]

#: Closing sends RST: what a cut connection looks like, no matter which side notices first.
_RESET = struct.pack("ii", 1, 0)


class Relay:
    """Use as a context manager; connect to :attr:`port` in place of ``target``."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._down = False
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> "Relay":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Break every connection, and let no new one through until :meth:`mend`."""
        with self._lock:
            self._down = True
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            _break(pair)

    def mend(self) -> None:
        """Let connections through again."""
        with self._lock:
            self._down = False

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            with self._lock:
                far = None if self._down else self._reach()
                if far is None:
                    _break((near,))
                    continue
                self._pairs.append((near, far))
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_copy, args=(source, sink), daemon=True).start()

    def _reach(self) -> socket.socket | None:
        try:
            return socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            return None


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def _break(sockets: tuple[socket.socket, ...]) -> None:
    for one in sockets:
        with suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            # A thread that waits in recv() keeps the descriptor: it must be woken before close() can take effect.
            one.shutdown(socket.SHUT_RDWR)
        one.close()
