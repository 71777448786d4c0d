"""What every user of the venue has: the venue's directory, channels of its own, and what it does to arrive.

A user that cannot arrive tries again, and each attempt is reported; the load goes on when the venue does.
"""

import random
from pathlib import Path

import grpc
from loadtest.accounts import Account, open_account, wait_until_ready
from loadtest.calls import CHANNEL_OPTIONS, TIMEOUT_SECONDS, Calls
from loadtest.feed import PriceFeed
from loadtest.venue import Venue, VenueAccess, VenueNotFound, find_venue, read_directory
from locust import User
from locust.env import Environment
from locust.exception import StopUser

from wavetank.v1 import directory_pb2, directory_pb2_grpc, instrument_pb2


class VenueUser(User):
    """A user that knows the venue."""

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.calls = Calls(environment)
        self._channels: list[grpc.Channel] = []

    def on_start(self) -> None:
        """Find the venue and arrive there."""
        try:
            access = self._find()
            while not self.arrive(access, self._read_directory(access)):
                self.leave()
        except VenueNotFound as error:
            self.environment.events.user_error.fire(user_instance=self, exception=error, tb=error.__traceback__)
            self.environment.process_exit_code = 1
            raise StopUser(str(error)) from error

    def on_stop(self) -> None:
        """Leave the venue as it was met."""
        self.leave()

    def arrive(self, access: VenueAccess, venue: Venue) -> bool:
        """Get ready to run tasks; return False to try again from the start, after a reported failure.

        A user that needs no more than the directory has arrived.
        """
        return True

    def leave(self) -> None:
        """Close what was opened."""
        for channel in self._channels:
            channel.close()
        self._channels.clear()

    def connect(self, address: str) -> grpc.Channel:
        """Return a channel of this user alone."""
        channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._channels.append(channel)
        return channel

    def _find(self) -> VenueAccess:
        options = self.environment.parsed_options
        if options is None:
            raise VenueNotFound("locust was started without its options")
        return find_venue(host=self.host, play_key=options.play_key, run_directory=Path(options.run_directory))

    def _read_directory(self, access: VenueAccess) -> Venue:
        stub = directory_pb2_grpc.DirectoryServiceStub(self.connect(access.address))
        answer = None
        while answer is None:
            answer = self.calls.make(
                "directory",
                "get",
                lambda: stub.GetDirectory(directory_pb2.GetDirectoryRequest(), timeout=TIMEOUT_SECONDS),
            )
        return read_directory(answer)


class TradingUser(VenueUser):
    """A user with a funded account, a price feed, and one instrument that it trades."""

    abstract = True

    instrument: instrument_pb2.Instrument
    account: Account
    clearing: grpc.Channel
    matching: grpc.Channel
    feed: PriceFeed | None = None

    def arrive(self, access: VenueAccess, venue: Venue) -> bool:
        """Open an account and wait until it can trade."""
        self.instrument = random.choice(list(venue.instruments.values()))
        self.clearing = self.connect(venue.clearing_address)
        account = open_account(self.calls, self.clearing, access.play_key)
        if account is None:
            return False
        self.account = account
        self.matching = self.connect(venue.matching_addresses[self.instrument.instrument_id])
        if not wait_until_ready(self.calls, self.matching, account, self.instrument):
            return False
        self.feed = PriceFeed(self.calls, self.matching, account.key, self.instrument.instrument_id)
        return True

    def leave(self) -> None:
        """Close the feed and the channels."""
        if self.feed is not None:
            self.feed.close()
            self.feed = None
        super().leave()
