"""The venue that the tests of the command line share."""

from tests.venue_fixture import venue

__all__ = ["venue"]
