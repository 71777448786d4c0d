"""Keys and instruments as a log tells them."""

import asyncio
import hashlib
from dataclasses import replace

import pytest

from wavetank.model.events.clearing import (
    AccountOpened,
    ApiKeyCreated,
    ApiKeyRevoked,
    Deposited,
    MarginTierListed,
    OpenInterestScaled,
)
from wavetank.model.instrument import default_instruments
from wavetank.model.reason import Reason
from wavetank.model.record import Event, encode_all
from wavetank.runtime.errors import InvariantBroken, VenueError
from wavetank.runtime.log_entry import LogEntry, decode_entry, encode_entry
from wavetank.runtime.principal import Principal, Scope, require
from wavetank.runtime.registry import Registry

INTERNAL = "the internal key of this test"
SECRET = "open sesame"


def entry(*events: Event) -> LogEntry:
    return decode_entry(encode_entry(epoch=1, first_seq=1, now_ns=0, prev=0, inputs=b"", records=encode_all(events)))


def created(key_id: bytes = b"bot", secret: str = SECRET, scopes: int = 3) -> ApiKeyCreated:
    return ApiKeyCreated(0, 1_001, key_id, hashlib.sha256(secret.encode()).digest(), scopes)


@pytest.fixture
def registry() -> Registry:
    registry = Registry(internal_key=INTERNAL, patience=5.0)
    registry.mark_ready()
    return registry


def refusal(registry: Registry, key: str) -> Reason:
    with pytest.raises(VenueError) as caught:
        registry.authenticate(key)
    assert key not in str(caught.value) or not key
    return caught.value.reason


async def test_a_key_names_its_principal(registry: Registry) -> None:
    registry.apply(entry(created()))
    assert registry.authenticate(f"bot.{SECRET}") == Principal(1_001, Scope.READ | Scope.TRADE, "bot")


@pytest.mark.parametrize("key", ["bot.wrong", "bot.", "bot", "other.open sesame", "", ".open sesame", "bot.öpen"])
async def test_any_other_key_is_unknown(registry: Registry, key: str) -> None:
    registry.apply(entry(created()))
    assert refusal(registry, key) is Reason.KEY_UNKNOWN


async def test_a_revoked_key_is_unknown(registry: Registry) -> None:
    registry.apply(entry(created()))
    who = registry.authenticate(f"bot.{SECRET}")
    assert registry.is_valid(who)
    registry.apply(entry(ApiKeyRevoked(0, 1_001, b"bot")))
    assert refusal(registry, f"bot.{SECRET}") is Reason.KEY_UNKNOWN
    assert not registry.is_valid(who)


async def test_a_digest_that_ends_with_zero_bytes_still_fits(registry: Registry) -> None:
    # A record strips trailing zero bytes; of these secrets one in 256 has such a digest.
    secret = next(
        str(number) for number in range(10_000) if hashlib.sha256(str(number).encode()).digest().endswith(b"\0")
    )
    registry.apply(entry(created(secret=secret)))
    assert registry.authenticate(f"bot.{secret}").key_id == "bot"


async def test_no_record_gives_the_scope_of_a_service(registry: Registry) -> None:
    registry.apply(entry(created(scopes=15)))
    assert registry.authenticate(f"bot.{SECRET}").scopes == Scope.READ | Scope.TRADE | Scope.ADMIN
    who = registry.authenticate(INTERNAL)
    assert (who.scopes, registry.is_valid(who)) == (Scope.INTERNAL, True)


async def test_before_the_end_of_the_log_an_unknown_key_may_still_come() -> None:
    registry = Registry(internal_key=INTERNAL)
    assert refusal(registry, f"bot.{SECRET}") is Reason.NOT_READY
    registry.apply(entry(created()))
    assert registry.authenticate(f"bot.{SECRET}").account_id == 1_001
    registry.mark_ready()
    await registry.ready()
    assert refusal(registry, f"other.{SECRET}") is Reason.KEY_UNKNOWN


async def test_a_key_that_was_made_a_moment_ago_is_waited_for(registry: Registry) -> None:
    waiting = asyncio.create_task(registry.identify(f"bot.{SECRET}"))
    await asyncio.sleep(0)
    registry.apply(entry(created(b"other")))
    await asyncio.sleep(0)
    assert not waiting.done()
    registry.apply(entry(created()))
    assert (await waiting).key_id == "bot"


async def test_patience_ends() -> None:
    registry = Registry(internal_key=INTERNAL, patience=0.02)
    registry.mark_ready()
    with pytest.raises(VenueError):
        await registry.identify(f"bot.{SECRET}")


async def test_a_wrong_secret_is_refused_at_once(registry: Registry) -> None:
    registry.apply(entry(created()))
    for key in ("bot.wrong", "no key at all", "a-key-id-that-is-far-too-long.secret"):
        async with asyncio.timeout(1):
            with pytest.raises(VenueError):
                await registry.identify(key)


async def test_instruments_are_listed_whole(registry: Registry) -> None:
    btc, eth, sol = default_instruments()
    head, *tiers = btc.listing()
    registry.apply(entry(head, tiers[0]))
    assert registry.instruments == {}
    registry.apply(entry(tiers[1], *eth.listing(), *sol.listing(), AccountOpened(0, 1_001, b"maker", 1)))
    assert registry.instruments == {1: btc, 2: eth, 3: sol}
    assert registry.instrument(2) == eth
    assert registry.accounts == {1_001: "maker"}
    with pytest.raises(VenueError, match="instrument 9 does not exist; listed are 1 BTC, 2 ETH, 3 SOL"):
        registry.instrument(9)


async def test_an_instrument_has_the_share_that_was_told_last(registry: Registry) -> None:
    btc = replace(default_instruments()[0], scaling_begins_micros=1, scaling_full_micros=2)
    registry.apply(entry(*btc.listing(), OpenInterestScaled(1, 0, 5, 7, 200_000)))
    scaled = replace(btc, scaled_ppm=200_000)
    assert registry.instruments == {1: scaled}
    # Listed anew it keeps the share, for the listing says it.
    registry.apply(entry(*replace(scaled, max_order_lots=9).listing()))
    assert registry.instrument(1) == replace(scaled, max_order_lots=9)


async def test_a_key_acts_for_sub_accounts_opened_after_it(registry: Registry) -> None:
    registry.apply(entry(AccountOpened(0, 1_001, b"maker", 1), created()))
    registry.mark_ready()
    who = registry.authenticate(f"bot.{SECRET}")
    registry.apply(entry(AccountOpened(0, 1_002, b"child", 1, 1_001), AccountOpened(0, 1_003, b"other", 1)))
    # An open stream knows of it too.
    assert require(who, Scope.TRADE, 1_002) == 1_002
    with pytest.raises(VenueError):
        require(who, Scope.TRADE, 1_003)


async def test_an_account_that_was_opened_a_moment_ago_is_waited_for(registry: Registry) -> None:
    asking = asyncio.create_task(registry.knows(1_002))
    await asyncio.sleep(0)
    registry.apply(entry(created()))
    await asyncio.sleep(0)
    assert not asking.done()
    registry.apply(entry(AccountOpened(0, 1_002, b"child", 1)))
    assert await asking
    assert not await Registry(internal_key=INTERNAL, patience=0.02).knows(1_003)


async def test_other_events_change_nothing(registry: Registry) -> None:
    registry.apply(entry(Deposited(0, 1_001, 5, 5)))
    assert (registry.instruments, registry.accounts) == ({}, {})


async def test_a_tier_without_its_instrument_breaks(registry: Registry) -> None:
    with pytest.raises(InvariantBroken):
        registry.apply(entry(MarginTierListed(7, 0, 0, 0, 10, 0)))
