"""Free ports on this machine, for services that must know one another's addresses before they start.

Kept true: two owners that start at the same moment get different ports, though neither listens on one for seconds.
"""

import random
import socket
from contextlib import ExitStack
from types import TracebackType
from typing import Self

_FIRST, _LAST = 20_000, 32_000
"""Below those that the kernel takes for outgoing connections, so that a restarted service finds its port free."""
_ATTEMPTS = 200


class ReservedAddresses:
    """Different addresses `127.0.0.1:port` that nobody listens on, and no other owner gets before they are given back.

    A port is marked as taken by a UDP socket of the same number: nobody here speaks UDP, the services' TCP ports stay
    free, and the kernel takes the mark away however its owner ends.
    """

    def __init__(self, count: int) -> None:
        """Reserve so many.

        Raises:
            OSError: they were not found.

        """
        self.addresses: list[str] = []
        self._marks = ExitStack()
        for port in random.sample(range(_FIRST, _LAST), _ATTEMPTS):
            if len(self.addresses) == count:
                return
            if self._mark(port):
                self.addresses.append(f"127.0.0.1:{port}")
        self.close()
        raise OSError(f"found {len(self.addresses)} of {count} free ports between {_FIRST} and {_LAST}")

    def _mark(self, port: int) -> bool:
        with ExitStack() as stack:
            mark = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            # Without SO_REUSEPORT: a listener that shares its port would otherwise seem absent.
            listener = socket.socket()
            try:
                with listener:
                    mark.bind(("127.0.0.1", port))
                    listener.bind(("127.0.0.1", port))
            except OSError:
                return False
            self._marks.push(stack.pop_all())
            return True

    def close(self) -> None:
        """Let others have them."""
        self._marks.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
