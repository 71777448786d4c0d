"""Counting a shard's facts by the thousand: trades are booked here, and what moves no money is passed over.

It exists because a busy shard trades faster than Python can look at each trade. Kept true: a trade is booked as
`booking` books one, by the same `Ledger.book_fill`, and told by the same events; whatever needs a decision, a trade of
an account in liquidation included, is left to the caller; nothing is read twice.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset

from wavetank.clearing.core.ledger cimport LegBooked, Ledger
from wavetank.clearing.core.records cimport (
    FILL_BOOKED,
    ORDER_AMENDED,
    ORDER_CANCELLED,
    FEE_RATES_APPLIED,
    RECORD_BYTES,
    TRADED,
    FillBooked,
    Head,
    Traded,
)

from wavetank.model.ids import FIRST_CLIENT_ACCOUNT_ID
from wavetank.model.orders import OrderFlag

cdef enum:
    # `Side.BUY`, and `FillRole`.
    BUY = 1
    TAKER = 1
    MAKER = 2
    UNKNOWN = -1


cdef class Counter:
    """Counts the facts of entries into a ledger, and keeps the events of what it booked.

    Args:
        ledger: booked onto.
        decided: kinds of record that are the caller's.

    """

    def __init__(self, Ledger ledger, decided):
        self.ledger = ledger
        self.first_client_id = FIRST_CLIENT_ACCOUNT_ID
        self.liquidation = int(OrderFlag.LIQUIDATION)
        memset(self.is_decided, 0, sizeof(self.is_decided))
        for kind in decided:
            self.is_decided[kind] = True

    def run(self, bytes records, Py_ssize_t index, int64_t first_seq, int32_t shard):
        """Count records from the one at `index` on, up to one that is the caller's; return that one's index.

        Args:
            records: those of one entry, all of them.
            index: where to begin.
            first_seq: seq of the entry's first event.
            shard: whose log it is.

        Returns:
            Index of the first record that is the caller's, or how many there are.

        Raises:
            InvariantBroken: an instrument is not listed.

        """
        cdef const char* first = records
        cdef Py_ssize_t count = len(records) // RECORD_BYTES
        cdef const Head* head
        cdef Ledger ledger = self.ledger
        cdef int32_t row
        while index < count:
            head = <const Head*>(first + index * RECORD_BYTES)
            if head.kind == TRADED:
                if not self.book(<const Traded*>head, first_seq + index):
                    return index
            elif head.kind in (ORDER_CANCELLED, ORDER_AMENDED, FEE_RATES_APPLIED):
                # The account may have less committed there than the shard said last.
                found = ledger.row_of.find(head.account_id)
                if found != ledger.row_of.end():
                    row = ledger.row_of[head.account_id]
                    ledger.parts[row * ledger.shards + shard].committed_micros = UNKNOWN
            elif self.is_decided[head.kind]:
                return index
            index += 1
        return count

    cdef bint book(self, const Traded* trade, int64_t seq) except -1:
        """Book both sides of a trade, the taker's first, unless it needs a decision."""
        cdef Ledger ledger = self.ledger
        if not ledger.row_of.count(trade.head.account_id) or not ledger.row_of.count(trade.maker_account_id):
            return False
        cdef int32_t taker = ledger.row_of[trade.head.account_id]
        cdef int32_t maker = ledger.row_of[trade.maker_account_id]
        if ledger.rows[taker].is_watched or ledger.rows[maker].is_watched:
            return False
        cdef int32_t slot = ledger.slot(trade.head.instrument_id)
        cdef int64_t lots = trade.size_lots if trade.taker_side == BUY else -trade.size_lots
        self.side(taker, slot, trade, seq, lots, TAKER)
        self.side(maker, slot, trade, seq, -lots, MAKER)
        return True

    cdef int side(
        self, int32_t row, int32_t slot, const Traded* trade, int64_t seq, int64_t lots, uint8_t role
    ) except -1:
        cdef Ledger ledger = self.ledger
        cdef bint is_taker = role == TAKER
        cdef int64_t fee = trade.taker_fee_micros if is_taker else trade.maker_fee_micros
        cdef int64_t value = lots * trade.price_ticks
        cdef LegBooked leg = ledger.book_fill(row, slot, lots, value, fee)
        cdef size_t at = self.told.size()
        cdef FillBooked* told
        self.told.resize(at + RECORD_BYTES)
        told = <FillBooked*>&self.told[at]
        memset(told, 0, RECORD_BYTES)
        told.head.kind = FILL_BOOKED
        told.head.instrument_id = trade.head.instrument_id
        told.head.account_id = ledger.rows[row].account_id
        told.matching_seq = seq
        told.trade_id = trade.trade_id
        told.order_id = trade.taker_order_id if is_taker else trade.maker_order_id
        told.delta_lots = lots
        told.value_micros = value
        told.fee_micros = fee
        told.realised_micros = leg.realised_micros
        told.lots_after = leg.lots
        told.cost_after_micros = leg.cost_micros
        told.cash_after_micros = ledger.rows[row].cash_micros
        told.role = role
        told.flags = trade.taker_flags
        if told.head.account_id >= self.first_client_id and not (is_taker and trade.taker_flags & self.liquidation):
            ledger.count_traded(row, role - TAKER, value)
        if not ledger.rows[row].is_reviewed:
            ledger.rows[row].is_reviewed = True
            self.concerned.push_back(row)
        return 0

    def take_events(self):
        """Return the records of what was booked since the last call."""
        if not self.told.size():
            return b""
        cdef bytes taken = (<char*>self.told.data())[: self.told.size()]
        self.told.clear()
        return taken

    def review(self):
        """Return the ids of the accounts that traded since the last call and must be looked at."""
        cdef int32_t row
        found = []
        for row in self.concerned:
            self.ledger.rows[row].is_reviewed = False
            if self.ledger.is_news(row):
                found.append(self.ledger.rows[row].account_id)
        self.concerned.clear()
        return found
