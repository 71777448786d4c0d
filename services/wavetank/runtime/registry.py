"""Instruments, accounts and API keys, as clearing's log tells them.

Every service needs them and none but clearing decides them, so each follows clearing's log and holds what it says; no
call stands between a key and the service that checks it. Kept true: only hashes of secrets are held; comparing takes
the same time whatever differs; until the log was read to its end, nobody is told that a key is unknown.
"""

import asyncio
import hashlib
import hmac
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog
from redis.exceptions import RedisError

from wavetank.model.events.clearing import (
    AccountOpened,
    ApiKeyCreated,
    ApiKeyRevoked,
    InstrumentListed,
    MarginScalingListed,
    MarginTierListed,
    OpenInterestScaled,
)
from wavetank.model.instrument import Instrument, Listings
from wavetank.model.reason import Reason
from wavetank.model.record import RECORD_BYTES, decode, kind_of, kinds
from wavetank.runtime.errors import VenueError
from wavetank.runtime.log_entry import LogEntry
from wavetank.runtime.log_reader import LogReader
from wavetank.runtime.principal import Principal, Scope

KEY_ID_BYTES = 16
INTERNAL_KEY_ID = "internal"
PATIENCE_SECONDS = 0.5
"""Wall time that a call with an unknown key or account waits for the log: it may have been made a moment ago."""

_PAUSE_SECONDS = 0.5
_DIGEST_BYTES = 32
_CLIENT_SCOPES = Scope.READ | Scope.TRADE | Scope.ADMIN
_FOLLOWED = {
    kind_of(cls)
    for cls in (
        InstrumentListed,
        MarginScalingListed,
        MarginTierListed,
        OpenInterestScaled,
        ApiKeyCreated,
        ApiKeyRevoked,
        AccountOpened,
    )
}


@dataclass(frozen=True, slots=True)
class _Key:
    principal: Principal
    secret_sha256: bytes


class Registry:
    """What clearing's log says about instruments, accounts and keys."""

    def __init__(self, *, internal_key: str, patience: float = PATIENCE_SECONDS) -> None:
        """Make an empty registry.

        Args:
            internal_key: the key that the venue's services share; never shown.
            patience: see `PATIENCE_SECONDS`.

        """
        self.instruments: dict[int, Instrument] = {}
        self.accounts: dict[int, str] = {}
        self._listings = Listings()
        self._families: dict[int, set[int]] = {}
        """Sub-accounts by account; each principal looks into the set itself, so that it knows those opened later."""
        self._keys: dict[str, _Key] = {}
        self._internal_sha256 = hashlib.sha256(internal_key.encode()).digest()
        self._patience = patience
        self._ready = asyncio.Event()
        self._listed = asyncio.Event()
        self._changed = asyncio.Event()

    async def follow(self, reader: LogReader) -> None:
        """Apply clearing's log, from the reader's position on for ever; run it as a task.

        Raises:
            LogGap, LogCorrupt: see `LogReader.follow`.

        """
        while True:
            if await self._caught_up(reader):
                break
            await asyncio.sleep(_PAUSE_SECONDS)
        self._ready.set()
        async with aclosing(reader.follow()) as following:
            async for entry in following:
                self.apply(entry)

    async def ready(self) -> None:
        """Return once the log was read to what was its end."""
        await self._ready.wait()

    async def listed(self) -> None:
        """Return once the log was read to what was its end and instruments stand in it.

        Clearing lists them in the first entry it ever writes. Until then there is nothing to trade or to price.
        """
        await self._ready.wait()
        await self._listed.wait()

    def mark_ready(self) -> None:
        """Say that everything was applied; for a process that applies its own log instead of following it."""
        self._ready.set()

    def apply(self, entry: LogEntry) -> None:
        """Take in what an entry says about instruments, accounts and keys."""
        for index, kind in enumerate(kinds(entry.records)):
            if kind in _FOLLOWED:
                self.apply_event(decode(entry.records, index * RECORD_BYTES))
        if self.instruments:
            self._listed.set()

    def apply_event(self, event: object) -> None:
        """Take in one event; others than those followed change nothing."""
        match event:
            case InstrumentListed() | MarginScalingListed() | MarginTierListed():
                listed = self._listings.take(event)
                if listed is not None:
                    self.instruments[listed.instrument_id] = listed
            case OpenInterestScaled():
                listed = self.instruments[event.instrument_id]
                self.instruments[event.instrument_id] = replace(listed, scaled_ppm=event.scaled_ppm)
            case AccountOpened():
                self.accounts[event.account_id] = event.name.decode(errors="replace")
                self._changed.set()
                if event.parent_account_id:
                    self._family(event.parent_account_id).add(event.account_id)
            case ApiKeyCreated():
                key_id = event.key_id.decode()
                scopes = Scope(event.scopes) & _CLIENT_SCOPES
                # A digest may end with zero bytes, which a record does not keep.
                digest = event.secret_sha256.ljust(_DIGEST_BYTES, b"\0")
                owned = self._family(event.account_id) if event.account_id else ()
                self._keys[key_id] = _Key(Principal(event.account_id, scopes, key_id, owned), digest)
                self._changed.set()
            case ApiKeyRevoked():
                self._keys.pop(event.key_id.decode(), None)
            case _:
                pass

    def _family(self, account_id: int) -> set[int]:
        return self._families.setdefault(account_id, set())

    def authenticate(self, key: str) -> Principal:
        """Return whose key this is.

        Args:
            key: `<key_id>.<secret>`, or the venue's internal key.

        Raises:
            VenueError: no such key, or another secret (KEY_UNKNOWN); or the log was not read to its end yet and the
                key may stand in the rest (NOT_READY).

        """
        if hmac.compare_digest(hashlib.sha256(key.encode()).digest(), self._internal_sha256):
            return Principal(0, Scope.INTERNAL, INTERNAL_KEY_ID)
        key_id, _, secret = key.partition(".")
        found = self._keys.get(key_id)
        expected = found.secret_sha256 if found is not None else bytes(_DIGEST_BYTES)
        right = hmac.compare_digest(hashlib.sha256(secret.encode()).digest(), expected)
        if found is not None and right:
            return found.principal
        if not self._ready.is_set():
            raise VenueError(Reason.NOT_READY, "the service is starting and has not read all keys yet; try again")
        # What was sent is not repeated: a person may have pasted the secret into the wrong place.
        raise VenueError(Reason.KEY_UNKNOWN, "the API key is unknown, was revoked, or its secret is wrong")

    async def identify(self, key: str) -> Principal:
        """Return whose key this is, and give a key that was made a moment ago the time to arrive.

        Raises:
            VenueError: see `authenticate`.

        """
        deadline = asyncio.get_running_loop().time() + self._patience
        while True:
            try:
                return self.authenticate(key)
            except VenueError:
                # A wrong secret, or what cannot be a key at all, is refused at once.
                if key.partition(".")[0] in self._keys or not _could_be_key(key) or not await self._change(deadline):
                    raise

    async def knows(self, account_id: int) -> bool:
        """Tell whether there is such an account, and give one that was opened a moment ago the time to arrive."""
        deadline = asyncio.get_running_loop().time() + self._patience
        while account_id not in self.accounts:
            if not await self._change(deadline):
                return False
        return True

    async def _change(self, deadline: float) -> bool:
        """Wait until a key or an account has come; return whether one did before the loop's time was over."""
        self._changed.clear()
        try:
            async with asyncio.timeout_at(deadline):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def is_valid(self, who: Principal) -> bool:
        """Return whether a principal's key still exists; a long stream asks now and then."""
        return who.key_id in self._keys or bool(who.scopes & Scope.INTERNAL)

    def instrument(self, instrument_id: int) -> Instrument:
        """Return an instrument.

        Raises:
            VenueError: it does not exist (INSTRUMENT_UNKNOWN).

        """
        found = self.instruments.get(instrument_id)
        if found is None:
            known = ", ".join(f"{known.instrument_id} {known.symbol}" for known in self.instruments.values())
            raise VenueError(
                Reason.INSTRUMENT_UNKNOWN,
                f"instrument {instrument_id} does not exist; listed are {known or 'none'}",
                was=instrument_id,
            )
        return found

    async def _caught_up(self, reader: LogReader) -> bool:
        """Apply what is there now; return whether that was all of it, and not only all that Redis gave."""
        try:
            while batch := await reader.read_available():
                for entry in batch:
                    self.apply(entry)
        except RedisError as error:
            structlog.get_logger().warning("registry_waits", log=reader.log, cause=str(error))
            return False
        return True


def _could_be_key(key: str) -> bool:
    key_id, separator, secret = key.partition(".")
    return bool(separator and secret) and 0 < len(key_id.encode()) <= KEY_ID_BYTES
