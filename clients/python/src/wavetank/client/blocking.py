"""The same client without `await`: every call runs on an event loop in a thread of its own, and is waited for.

There is one implementation, the asynchronous one; what stands here only hands its calls over. So both know the same
methods with the same arguments and raise the same errors. The module is long because it names every method once.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

import grpc

from wavetank.client.account import Account, AccountEvents
from wavetank.client.admin import Admin
from wavetank.client.book import Book
from wavetank.client.connection import Backoff
from wavetank.client.directory import Directory
from wavetank.client.doors import Doors
from wavetank.client.escalations import Escalations
from wavetank.client.events import (
    AccountEvent,
    Disconnected,
    Gap,
    MarketEvent,
    Prices,
    QueuePosition,
    Reconnected,
    SessionEvent,
)
from wavetank.client.faults import Consumer
from wavetank.client.instrument import Instrument
from wavetank.client.liquidations import LiquidationEvent, LiquidationEvents, Liquidations
from wavetank.client.market_data import USUAL_CHANNELS, Channel, MarketData, Subscription
from wavetank.client.order_book import OrderBook
from wavetank.client.order_entry import CREDIT_RETRIES, Orders
from wavetank.client.orders import Acknowledgement, Command, Order
from wavetank.client.risk import Risk
from wavetank.client.session import Session
from wavetank.client.shard_session import Results
from wavetank.client.venue import DEFAULT_TIMEOUT_SECONDS, Venue, connect

Inner = TypeVar("Inner")
Inner_co = TypeVar("Inner_co", covariant=True)
Result = TypeVar("Result")
Event = TypeVar("Event")
Event_co = TypeVar("Event_co", covariant=True)
Arguments = ParamSpec("Arguments")


class _LoopThread:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wavetank client", daemon=True)
        self._thread.start()

    def submit(self, awaitable: Awaitable[Result]) -> concurrent.futures.Future[Result]:
        return asyncio.run_coroutine_threadsafe(_awaited(awaitable), self._loop)

    def run(self, awaitable: Awaitable[Result]) -> Result:
        return self.submit(awaitable).result()

    def call(self, function: Callable[[], Result]) -> Result:
        async def called() -> Result:
            return function()

        return self.run(called())

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _awaited(awaitable: Awaitable[Result]) -> Result:
    return await awaitable


class _Twin(Protocol[Inner_co]):
    @property
    def inner(self) -> Inner_co: ...

    @property
    def loop(self) -> _LoopThread: ...


class _Blocking(Generic[Inner, Arguments, Result]):
    """A method of the asynchronous object, waited for."""

    def __init__(self, method: Callable[Concatenate[Inner, Arguments], Coroutine[Any, Any, Result]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, twin: None, owner: object) -> Self: ...
    @overload
    def __get__(self, twin: _Twin[Inner], owner: object) -> Callable[Arguments, Result]: ...
    def __get__(self, twin: _Twin[Inner] | None, owner: object) -> Self | Callable[Arguments, Result]:
        if twin is None:
            return self

        def blocking(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            return twin.loop.run(self._method(twin.inner, *args, **kwargs))

        blocking.__doc__ = self.__doc__
        return blocking


class _BlockingIterator(Generic[Inner, Arguments, Result]):
    """A method of the asynchronous object that yields, each item waited for."""

    def __init__(self, method: Callable[Concatenate[Inner, Arguments], AsyncIterator[Result]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, twin: None, owner: object) -> Self: ...
    @overload
    def __get__(self, twin: _Twin[Inner], owner: object) -> Callable[Arguments, Iterator[Result]]: ...
    def __get__(self, twin: _Twin[Inner] | None, owner: object) -> Self | Callable[Arguments, Iterator[Result]]:
        if twin is None:
            return self

        def blocking(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Iterator[Result]:
            items = self._method(twin.inner, *args, **kwargs)
            while True:
                try:
                    yield twin.loop.run(anext(items))
                except StopAsyncIteration:
                    return

        blocking.__doc__ = self.__doc__
        return blocking


class _Source(Protocol[Event_co]):
    async def next(self, timeout: float | None = None) -> Event_co: ...

    async def close(self) -> None: ...


class BlockingEvents(Generic[Event]):
    """Events in order; iterate, or ask for one with `next(timeout)`."""

    def __init__(self, loop: _LoopThread, source: _Source[Event]) -> None:
        self.loop = loop
        self._source = source

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        try:
            return self.loop.run(self._source.next())
        except StopAsyncIteration:
            raise StopIteration from None

    def next(self, timeout: float | None = None) -> Event:
        """Return the next event; raises `TimeoutError` if none comes within so many wall seconds."""
        return self.loop.run(self._source.next(timeout))

    def close(self) -> None:
        """Stop reading."""
        self.loop.run(self._source.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class BlockingSubscription:
    """Market data in order; iterate, or ask for one event with `next(timeout)`.

    The books belong to the thread that reads the stream: they are as of the last message received, which may be later
    than the last event read here.
    """

    def __init__(self, loop: _LoopThread, subscription: Subscription) -> None:
        self._subscription = subscription
        self._events: BlockingEvents[MarketEvent] = BlockingEvents(loop, subscription)

    @property
    def books(self) -> Mapping[str, Book]:
        """Books by symbol."""
        return self._subscription.books

    @property
    def order_books(self) -> Mapping[str, OrderBook]:
        """Books order by order, by symbol."""
        return self._subscription.order_books

    @property
    def queue_positions(self) -> Mapping[int, QueuePosition]:
        """Places of own resting orders, by order id."""
        return self._subscription.queue_positions

    @property
    def last_seq(self) -> int:
        """Seq up to which all was given to the reader."""
        return self._subscription.last_seq

    def __iter__(self) -> Iterator[MarketEvent]:
        return iter(self._events)

    def next(self, timeout: float | None = None) -> MarketEvent:
        """Return the next event; raises `TimeoutError` if none comes within so many wall seconds."""
        return self._events.next(timeout)

    def close(self) -> None:
        """Unsubscribe."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class BlockingOrders:
    """`Orders`, waited for."""

    def __init__(self, loop: _LoopThread, inner: Orders) -> None:
        self.loop = loop
        self.inner = inner

    place = _Blocking(Orders.place)
    amend = _Blocking(Orders.amend)
    cancel = _Blocking(Orders.cancel)
    cancel_all = _Blocking(Orders.cancel_all)
    check = _Blocking(Orders.check)
    send = _Blocking(Orders.send)
    get = _Blocking(Orders.get)
    list_open = _Blocking(Orders.list_open)

    def of(self, account_id: int) -> BlockingOrders:
        """Return the same for another account, for which the key must have scope `admin`."""
        return BlockingOrders(self.loop, self.inner.of(account_id))


async def _begun(account: Account, from_seq: int) -> AccountEvents:
    return await account.events(from_seq=from_seq).__aenter__()


class BlockingAccount:
    """`Account`, waited for."""

    def __init__(self, loop: _LoopThread, inner: Account) -> None:
        self.loop = loop
        self.inner = inner

    get = _Blocking(Account.get)
    positions = _Blocking(Account.positions)
    fills = _BlockingIterator(Account.fills)
    deposit = _Blocking(Account.deposit)
    withdraw = _Blocking(Account.withdraw)
    draw_faucet = _Blocking(Account.draw_faucet)
    clone = _Blocking(Account.clone)
    reset = _Blocking(Account.reset)
    transfer = _Blocking(Account.transfer)
    open_sub_account = _Blocking(Account.open_sub_account)
    sub_accounts = _Blocking(Account.sub_accounts)
    set_margin_mode = _Blocking(Account.set_margin_mode)
    leverages = _Blocking(Account.leverages)
    set_leverage = _Blocking(Account.set_leverage)
    collateral = _Blocking(Account.collateral)
    deposit_collateral = _Blocking(Account.deposit_collateral)
    withdraw_collateral = _Blocking(Account.withdraw_collateral)
    convert_collateral = _Blocking(Account.convert_collateral)

    def of(self, account_id: int) -> BlockingAccount:
        """Return the same for another account: a sub-account of the key's, or with scope `admin` any."""
        return BlockingAccount(self.loop, self.inner.of(account_id))

    def events(self, *, from_seq: int = 0) -> BlockingEvents[AccountEvent]:
        """Stream what befalls the account, after a seq or from now on."""
        return BlockingEvents(self.loop, self.loop.run(_begun(self.inner, from_seq)))


class BlockingDoors:
    """`Doors`, waited for."""

    def __init__(self, loop: _LoopThread, inner: Doors) -> None:
        self.loop = loop
        self.inner = inner

    set_fault = _Blocking(Doors.set_fault)
    clear_faults = _Blocking(Doors.clear_faults)
    list_faults = _Blocking(Doors.list_faults)
    set_ordering = _Blocking(Doors.set_ordering)


class BlockingAdmin:
    """`Admin`, waited for."""

    def __init__(self, loop: _LoopThread, inner: Admin) -> None:
        self.loop = loop
        self.inner = inner

    open_account = _Blocking(Admin.open_account)
    list_accounts = _BlockingIterator(Admin.list_accounts)
    create_api_key = _Blocking(Admin.create_api_key)
    list_api_keys = _Blocking(Admin.list_api_keys)
    revoke_api_key = _Blocking(Admin.revoke_api_key)
    push_prices = _Blocking(Admin.push_prices)
    set_fault = _Blocking(Admin.set_fault)
    clear_faults = _Blocking(Admin.clear_faults)
    list_faults = _Blocking(Admin.list_faults)
    set_instrument_state = _Blocking(Admin.set_instrument_state)
    set_funding_interval = _Blocking(Admin.set_funding_interval)
    preview_margin = _Blocking(Admin.preview_margin)
    change_margin = _Blocking(Admin.change_margin)
    pause_withdrawals = _Blocking(Admin.pause_withdrawals)
    resume_withdrawals = _Blocking(Admin.resume_withdrawals)
    top_up_fund = _Blocking(Admin.top_up_fund)
    drain_fund = _Blocking(Admin.drain_fund)
    restore_fund = _Blocking(Admin.restore_fund)
    slow_liquidations = _Blocking(Admin.slow_liquidations)
    settle_instrument = _Blocking(Admin.settle_instrument)
    set_position_limit = _Blocking(Admin.set_position_limit)
    set_group_limit = _Blocking(Admin.set_group_limit)
    list_limits = _Blocking(Admin.list_limits)


class BlockingEscalations:
    """`Escalations`, waited for."""

    def __init__(self, loop: _LoopThread, inner: Escalations) -> None:
        self.loop = loop
        self.inner = inner

    list = _Blocking(Escalations.list)
    get = _Blocking(Escalations.get)
    decide = _Blocking(Escalations.decide)


class BlockingRisk:
    """`Risk`, waited for."""

    def __init__(self, loop: _LoopThread, inner: Risk) -> None:
        self.loop = loop
        self.inner = inner

    account = _Blocking(Risk.account)
    compare = _Blocking(Risk.compare)
    venue = _Blocking(Risk.venue)
    contagion = _Blocking(Risk.contagion)


async def _feed_begun(feed: Liquidations, instruments: Sequence[str], from_seq: int) -> LiquidationEvents:
    return await feed.events(instruments, from_seq=from_seq).__aenter__()


class BlockingLiquidations:
    """`Liquidations`, waited for."""

    def __init__(self, loop: _LoopThread, inner: Liquidations) -> None:
        self.loop = loop
        self.inner = inner

    past = _BlockingIterator(Liquidations.past)

    def events(self, instruments: Sequence[str] = (), *, from_seq: int = 0) -> BlockingEvents[LiquidationEvent]:
        """Follow the feed, as `Liquidations.events` does."""
        return BlockingEvents(self.loop, self.loop.run(_feed_begun(self.inner, instruments, from_seq)))


class BlockingMarketData:
    """`MarketData`, waited for."""

    def __init__(self, loop: _LoopThread, inner: MarketData) -> None:
        self.loop = loop
        self.inner = inner

    book = _Blocking(MarketData.book)

    def subscribe(
        self,
        channels: Sequence[Channel] = USUAL_CHANNELS,
        instruments: Sequence[str] = (),
        *,
        from_seq: int | Mapping[int, int] = 0,
    ) -> BlockingSubscription:
        """Subscribe, as `MarketData.subscribe` does."""
        return BlockingSubscription(
            self.loop,
            self.loop.call(lambda: self.inner.subscribe(channels, instruments, from_seq=from_seq)),
        )


class BlockingSession:
    """`Session`, waited for; used with `with`."""

    def __init__(self, loop: _LoopThread, inner: Session) -> None:
        self.loop = loop
        self.inner = inner

    place = _Blocking(Session.place)
    amend = _Blocking(Session.amend)
    cancel = _Blocking(Session.cancel)
    cancel_all = _Blocking(Session.cancel_all)
    place_group = _Blocking(Session.place_group)
    mass_quote = _Blocking(Session.mass_quote)
    cancel_all_after = _Blocking(Session.cancel_all_after)
    batch = _Blocking(Session.batch)
    close = _Blocking(Session.close)

    def submit(self, commands: Sequence[Command], *, atomic: bool = False) -> concurrent.futures.Future[Results]:
        """Send commands without waiting for those before; `result()` waits for the answer."""
        return self.loop.submit(self.loop.call(lambda: self.inner.submit(commands, atomic=atomic)))

    def events(self, *, answers: bool = False) -> BlockingEvents[SessionEvent]:
        """Return own order events from now on, and what happens to the connection."""
        return BlockingEvents(self.loop, self.loop.call(lambda: self.inner.events(answers=answers)))

    @property
    def account_id(self) -> int:
        """Account traded for."""
        return self.inner.account_id

    @property
    def is_connected(self) -> bool:
        """Whether commands can be sent now."""
        return self.inner.is_connected

    @property
    def open_orders(self) -> tuple[Order, ...]:
        """The account's open orders, as far as this session has read."""
        return self.loop.call(lambda: self.inner.open_orders)

    def __enter__(self) -> Self:
        self.loop.run(self.inner.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Client:
    """A venue, connected, without `await`; arguments as of `connect`.

    Attributes:
        orders: order entry and order questions by single calls.
        account: the key's own account; `account.of(id)` for another.
        market_data: subscriptions and books.
        admin: accounts, keys, the operator's controls, pushed prices, faults; needs scope `admin`.
        doors: venue faults and the ordering of requests, on every shard; needs scope `admin`.
        escalations: what the venue asks a person, and the answer; needs scope `admin`.
        risk: what would be, of an account or of the venue.
        liquidations: the public feed of liquidations, auto-deleveraging and cascades.

    Raises:
        VenueUnavailable: nobody answers at the address.
        RunDirectoryUnreadable: no venue was started in the run directory.
        ValueError: neither or both of address and run directory are given.
    """

    def __init__(
        self,
        address: str = "",
        *,
        api_key: str = "",
        run_directory: str | Path | None = None,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        backoff: Backoff | None = None,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        connecting = connect(
            address,
            api_key=api_key,
            run_directory=run_directory,
            timeout=timeout,
            backoff=backoff,
            credentials=credentials,
        )
        self.loop = _LoopThread()
        try:
            self.inner: Venue = self.loop.run(connecting)
        except BaseException:
            self.loop.stop()
            raise
        self._is_closed = False
        self.orders = BlockingOrders(self.loop, self.inner.orders)
        self.account = BlockingAccount(self.loop, self.inner.account)
        self.market_data = BlockingMarketData(self.loop, self.inner.market_data)
        self.admin = BlockingAdmin(self.loop, self.inner.admin)
        self.doors = BlockingDoors(self.loop, self.inner.doors)
        self.escalations = BlockingEscalations(self.loop, self.inner.escalations)
        self.risk = BlockingRisk(self.loop, self.inner.risk)
        self.liquidations = BlockingLiquidations(self.loop, self.inner.liquidations)

    refresh = _Blocking(Venue.refresh)

    @property
    def directory(self) -> Directory:
        """Instruments, endpoints and clock, as last read."""
        return self.inner.directory

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Instruments by symbol, as last read."""
        return self.inner.instruments

    def now_ns(self) -> int:
        """Return the venue's time, as this machine's clock reckons it."""
        return self.inner.now_ns()

    def session(
        self,
        *,
        cancel_on_disconnect: bool = False,
        account_id: int = 0,
        shard: int | None = None,
        timeout: float | None = None,
        credit_retries: int = CREDIT_RETRIES,
        acknowledgement: Acknowledgement = Acknowledgement.LOGGED,
    ) -> BlockingSession:
        """Return a session, to be opened by `with`; arguments as of `Venue.session`."""
        session = self.loop.call(
            lambda: self.inner.session(
                cancel_on_disconnect=cancel_on_disconnect,
                account_id=account_id,
                shard=shard,
                timeout=timeout,
                credit_retries=credit_retries,
                acknowledgement=acknowledgement,
            )
        )
        return BlockingSession(self.loop, session)

    def prices(
        self, consumer: Consumer = Consumer.BOTS, instruments: Sequence[str] = (), *, from_seq: int = 0
    ) -> BlockingEvents[Prices | Gap | Disconnected | Reconnected]:
        """Stream the oracle's prices as one consumer gets them, faults included."""
        prices = self.loop.call(lambda: self.inner.prices(consumer, instruments, from_seq=from_seq))
        return BlockingEvents(self.loop, prices)

    def close(self) -> None:
        """Close every connection and end the thread."""
        if not self._is_closed:
            self._is_closed = True
            self.loop.run(self.inner.close())
            self.loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
