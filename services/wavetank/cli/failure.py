"""How a command fails: what happened, what to do next, and the exit code that says so to a script.

Kept true: every failure a person can cause has a hint; each exit code has one meaning, the same in all commands.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the end of a command means to a script."""

    DONE = 0
    FAILED = 1
    """It was tried and went wrong, or a check found an offence."""
    USAGE = 2
    """The command line is wrong."""
    NO_VENUE = 3
    """No venue runs in the directory."""
    REFUSED = 4
    """The venue answered, and refused."""
    IN_USE = 5
    """Another process owns the directory."""


class CommandFailed(Exception):
    """A command cannot do what was asked."""

    def __init__(self, message: str, *, hint: str = "", code: ExitCode = ExitCode.FAILED) -> None:
        """Make the failure.

        Args:
            message: what happened, with which id or path.
            hint: what to do next.
            code: how the command ends.

        """
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
