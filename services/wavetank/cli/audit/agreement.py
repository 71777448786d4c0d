"""Whether the running services say what their logs say.

A service answers at a seq of its log; the audit reads on to that very seq and compares. What no service answers for is
skipped with a word, for a venue that is down has no state to disagree with.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

import grpc

from wavetank.cli.audit.auditor import CLEARING, MATCHING_PREFIX, Auditor
from wavetank.cli.audit.findings import Rule
from wavetank.model.ids import FIRST_CLIENT_ACCOUNT_ID
from wavetank.model.orders import Side
from wavetank.v1 import (
    account_pb2,
    account_pb2_grpc,
    market_data_pb2,
    market_data_pb2_grpc,
    order_entry_pb2,
    order_entry_pb2_grpc,
)

CALL_SECONDS = 5.0
ATTEMPTS = 50
PAUSE_SECONDS = 0.05
PAGE = 1_000
DEPTH = 1_000
ACCOUNTS_ASKED = 500
"""Accounts whose open orders are asked for, one call each."""


@dataclass(frozen=True, slots=True)
class Services:
    """Where the services listen, and the key that may see all accounts."""

    clearing: str
    matching: tuple[str, ...]
    key: str

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Metadata of each call."""
        return (("authorization", f"Bearer {self.key}"),)


class _Answer(Protocol):
    @property
    def seq(self) -> int: ...


Q = TypeVar("Q")
A = TypeVar("A", bound=_Answer)


class Agreement:
    """Compares one venue's services with an audit of its logs."""

    def __init__(self, auditor: Auditor, services: Services) -> None:
        """Compare `services` with what `auditor` has rebuilt."""
        self._auditor = auditor
        self._services = services
        self._findings = auditor.findings

    def compare(self) -> None:
        """Ask every service, and record each difference as an offence against STATE."""
        try:
            with grpc.insecure_channel(self._services.clearing) as channel:
                self._compare_accounts(account_pb2_grpc.AccountServiceStub(channel))
        except grpc.RpcError as error:
            self._skip("clearing", self._services.clearing, error)
        for shard, address in enumerate(self._services.matching):
            log = f"{MATCHING_PREFIX}{shard}"
            if log not in self._auditor.shards:
                continue
            try:
                with grpc.insecure_channel(address) as channel:
                    self._compare_books(log, market_data_pb2_grpc.MarketDataServiceStub(channel))
                    self._compare_orders(log, order_entry_pb2_grpc.OrderEntryServiceStub(channel))
            except grpc.RpcError as error:
                self._skip(log, address, error)

    def _skip(self, name: str, address: str, error: grpc.RpcError) -> None:
        # An error of a call carries its code, which the base class does not declare.
        code = getattr(error, "code", None)
        why = f"{code().name}" if callable(code) else str(error)
        self._findings.note(f"state of {name} at {address} was not compared: {why}")

    def _call(self, method: "grpc.UnaryUnaryMultiCallable[Q, A]", request: Q) -> A:
        return method(request, timeout=CALL_SECONDS, metadata=self._services.metadata)

    def _at_its_seq(self, log: str, ask: Callable[[], A]) -> A | None:
        """Ask until the answer's seq is one that the audit can stand at; None when it never is."""
        for _ in range(ATTEMPTS):
            answer = ask()
            known = answer.seq == 0 or self._auditor.advance(log, to_seq=answer.seq)
            self._findings.look_at(log, "", answer.seq)
            if not known:
                self._findings.expect(
                    Rule.STATE,
                    False,
                    f"a seq that {log} holds: the service answers for seq {answer.seq}, the log ends at"
                    f" {self._auditor.applied_seq(log)}",
                )
                return None
            if self._auditor.applied_seq(log) == answer.seq:
                return answer
            # The service was a little behind the log that we had read already.
            time.sleep(PAUSE_SECONDS)
        self._findings.note(f"{log} moved on too fast to be compared with its service")
        return None

    def _compare_accounts(self, stub: account_pb2_grpc.AccountServiceStub) -> None:
        after = 0
        while True:
            request = account_pb2.ListAccountsRequest(after_account_id=after, page_size=PAGE)
            answer = self._at_its_seq(CLEARING, partial(self._call, stub.ListAccounts, request))
            if answer is None:
                return
            self._compare_page(after, answer)
            if len(answer.accounts) < PAGE:
                return
            after = answer.accounts[-1].account_id

    def _compare_page(self, after: int, answer: account_pb2.ListAccountsResponse) -> None:
        ledger = self._auditor.ledger
        expect = self._findings.expect
        said = [account.account_id for account in answer.accounts]
        known = [account_id for account_id in sorted(ledger.accounts) if account_id > after][: len(said) or PAGE]
        expect(Rule.STATE, said == known, f"accounts {known[:5]}… as opened in the log, not {said[:5]}…")
        for account in answer.accounts:
            own = ledger.accounts.get(account.account_id)
            if own is None:
                continue
            expect(
                Rule.STATE,
                own.cash == account.cash_micros,
                f"cash {own.cash} of account {own.account_id}, not {account.cash_micros}",
            )
            if all(instrument_id in ledger.marks for instrument_id in own.holdings):
                worth = ledger.worth(own.account_id, {})
                due = (worth.equity, worth.maintenance, worth.initial)
                told = (account.equity_micros, account.maintenance_margin_micros, account.initial_margin_micros)
                expect(
                    Rule.STATE,
                    due == told,
                    f"equity, maintenance and initial margin {due} of account {own.account_id}, not {told}",
                )

    def _compare_books(self, log: str, stub: market_data_pb2_grpc.MarketDataServiceStub) -> None:
        books = self._auditor.shards[log].books
        for instrument_id in sorted(books.books):
            request = market_data_pb2.GetBookRequest(instrument_id=instrument_id, depth=DEPTH)
            answer = self._at_its_seq(log, partial(self._call, stub.GetBook, request))
            if answer is None:
                return
            for side, levels in ((Side.BUY, answer.book.bids), (Side.SELL, answer.book.asks)):
                due = books.books[instrument_id].sides[int(side)].depth(DEPTH)
                said = [(level.price_ticks, level.size_lots, level.orders) for level in levels]
                first = next(
                    (pair for pair in zip(due, said, strict=False) if pair[0] != pair[1]), (len(due), len(said))
                )
                self._findings.expect(
                    Rule.STATE,
                    due == said,
                    f"the rebuilt {side.name.lower()} side of instrument {instrument_id}: {first[0]}, not {first[1]}",
                )

    def _compare_orders(self, log: str, stub: order_entry_pb2_grpc.OrderEntryServiceStub) -> None:
        books = self._auditor.shards[log].books
        accounts = [key for key in sorted(self._auditor.ledger.accounts) if key >= FIRST_CLIENT_ACCOUNT_ID]
        for account_id in accounts[:ACCOUNTS_ASKED]:
            request = order_entry_pb2.ListOpenOrdersRequest(account_id=account_id)
            answer = self._at_its_seq(log, partial(self._call, stub.ListOpenOrders, request))
            if answer is None:
                return
            due = [
                (order.order_id, order.instrument_id, order.side, order.price, order.remaining, order.filled)
                for _, order in sorted(books.by_account[account_id].items())
            ]
            said = [
                (
                    order.order_id,
                    order.instrument_id,
                    order.side,
                    order.price_ticks,
                    order.remaining_lots,
                    order.filled_lots,
                )
                for order in answer.orders
            ]
            self._findings.expect(
                Rule.STATE,
                due == said,
                f"the {len(due)} open orders of account {account_id} as rebuilt, not {len(said)} or others",
            )
