"""A process that ends with the one that started it, even if that one was killed.

`wavetank up` and the bundled Redis rely on it: a killed owner can tell nobody, so the kernel does (Linux; elsewhere
the next start cleans up). The kernel counts the *thread* that started the process as its parent.
"""

import ctypes
import functools
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


@functools.cache
def libc() -> ctypes.CDLL:
    """Return the C library; loaded once, so that a copy of the process need not load it."""
    return ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent_pid: int, death_signal: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel for a signal when the parent ends (Linux; does nothing elsewhere).

    Args:
        parent_pid: the parent as it was at the start; if it is gone by now, this process ends at once.
        death_signal: what to send.

    Raises:
        OSError: the kernel refused.

    """
    if not sys.platform.startswith("linux"):
        return
    if libc().prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    # The parent may have ended before the kernel was asked.
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), death_signal)
