"""Free ports on this machine, for services that must know one another's addresses before they start."""

import random
import socket
from contextlib import closing

_FIRST, _LAST = 20_000, 32_000
"""Below those that the kernel takes for outgoing connections, so that a restarted service finds its port free."""
_ATTEMPTS = 200


def free_addresses(count: int) -> list[str]:
    """Return `count` different addresses `127.0.0.1:port` that nobody listens on.

    Raises:
        OSError: none were found.

    """
    found: list[str] = []
    for port in random.sample(range(_FIRST, _LAST), _ATTEMPTS):
        if len(found) == count:
            return found
        if _is_free(port):
            found.append(f"127.0.0.1:{port}")
    raise OSError(f"found {len(found)} of {count} free ports between {_FIRST} and {_LAST}")


def _is_free(port: int) -> bool:
    # Without SO_REUSEPORT: a listener that shares its port would otherwise seem absent.
    with closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
