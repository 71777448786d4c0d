"""Clearing's requests: cancel an account's orders, close part of a position, move lots between two accounts (R1).

Requests come in order of their id (clearing's seq, number). One at or below the last that was carried out has had its
answer and is passed over. They work while the shard is gated and the account frozen, ask no credit, and each ends with
RequestAnswered, whose reason says why nothing was done.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t

from wavetank.matching.core.accounts cimport Holding
from wavetank.matching.core.book cimport Book, band_edge
from wavetank.matching.core.cancellation cimport cancel_account
from wavetank.matching.core.matching cimport cancel, match, trim
from wavetank.matching.core.orders cimport Order
from wavetank.matching.core.records cimport (
    ORDER_ACCEPTED,
    POSITION_TRANSFERRED,
    REQUEST_ANSWERED,
    Command,
    OrderAccepted,
    PositionTransferred,
    RequestAnswered,
    Result,
)
from wavetank.matching.core.shard cimport Intent, Shard, begin_intent
from wavetank.matching.core.states cimport takes_liquidation
from wavetank.matching.core.words cimport (
    AMOUNT_OUT_OF_RANGE,
    BUY,
    BY_IMMEDIATE_REMAINDER,
    BY_LIQUIDATION,
    CANCEL_ACCOUNT,
    CANCELLED,
    EXPIRE_MAKER,
    FILLED,
    INSTRUMENT_STATE,
    INSTRUMENT_UNKNOWN,
    IOC,
    LIMIT,
    LIQUIDATE,
    LIQUIDATION,
    LOTS_LIMIT,
    MALFORMED,
    NO_REFERENCE_PRICE,
    OK,
    PRICE_LIMIT,
    PRICE_OUT_OF_RANGE,
    REDUCE_ONLY,
    REDUCE_ONLY_WOULD_INCREASE,
    SELL,
    SIZE_OUT_OF_RANGE,
    TRANSFER_CLIPPED,
)
from wavetank.model.money cimport (
    LOTS_BOUND,
    NOTIONAL_BOUND,
    int128,
    mul_div_trunc,
    round_down_to_grid,
    round_up_to_grid,
)

cdef enum:
    # Bits of a transfer: whose position may grow or flip.
    RECEIVER = 1
    GIVER = 2

cdef int64_t VALUE_BOUND = <int64_t>1 << 62


cdef int carry_out(Shard shard, Command* command, Result* result) except -1:
    """Carry out a request once, and answer it."""
    cdef RequestAnswered* event
    cdef int reason = OK
    if command.request_seq < shard.request_seq or (
        command.request_seq == shard.request_seq and command.request_number <= shard.request_number
    ):
        result.repeated = True
        return 0
    if command.kind == CANCEL_ACCOUNT:
        result.cancelled_orders = cancel_account(shard, shard.accounts.find(command.account_id), BY_LIQUIDATION)
    elif command.kind == LIQUIDATE:
        reason = _liquidate(shard, command, result)
    else:
        reason = _transfer(shard, command, result)
    result.reason = <uint16_t>reason
    shard.request_seq = command.request_seq
    shard.request_number = command.request_number
    event = <RequestAnswered*>shard.journal.write(REQUEST_ANSWERED, command.instrument_id, command.account_id)
    event.request_seq = command.request_seq
    event.request_number = command.request_number
    event.done_lots = result.filled_lots
    event.done_value_micros = result.filled_value_micros
    event.command = command.kind
    event.reason = <uint16_t>reason
    return 0


cdef int _liquidate(Shard shard, Command* command, Result* result) except -1:
    """Send a reduce-only IOC, clipped to the position and into the price band; it pays no taker fee (LIQ-040)."""
    cdef int32_t at = shard.books.find(command.instrument_id)
    cdef int32_t account = shard.accounts.find(command.account_id)
    cdef int32_t holding = shard.accounts.find_holding(account, at) if account >= 0 and at >= 0 else -1
    cdef uint8_t side = command.side
    cdef int64_t lots
    cdef int64_t price
    cdef Book* book
    if at < 0:
        return INSTRUMENT_UNKNOWN
    if side != BUY and side != SELL:
        return MALFORMED
    book = shard.book(at)
    if not takes_liquidation(book.state):
        return INSTRUMENT_STATE
    if command.size_lots < 1:
        return SIZE_OUT_OF_RANGE
    if book.mark_ticks == 0:
        return NO_REFERENCE_PRICE
    lots = 0
    if holding >= 0:
        lots = -shard.accounts.holdings[holding].lots if side == BUY else shard.accounts.holdings[holding].lots
    if lots <= 0:
        return REDUCE_ONLY_WOULD_INCREASE
    lots = min(lots, command.size_lots, LOTS_LIMIT)
    price = _liquidation_limit(book, side, command.price_ticks)
    if not 1 <= price <= PRICE_LIMIT:
        return PRICE_OUT_OF_RANGE
    return _run_liquidation(shard, command, result, account, at, lots, price)


cdef int64_t _liquidation_limit(Book* book, uint8_t side, int64_t price) noexcept:
    """Return the limit inside the band and on the grid, rounded inside (LIQ-035)."""
    cdef int64_t edge = band_edge(book, side, book.price_band_ppm)
    if side == BUY:
        if price < 1:
            return 0
        return edge if price >= edge else round_down_to_grid(price, book.size_decimals, book.significant_figures)
    if price <= edge:
        return edge
    if price > PRICE_LIMIT:
        return 0
    return round_up_to_grid(price, book.size_decimals, book.significant_figures)


cdef int _run_liquidation(
    Shard shard, Command* command, Result* result, int32_t account, int32_t at, int64_t lots, int64_t price
) except -1:
    cdef Intent intent
    cdef OrderAccepted* event
    cdef int32_t index
    begin_intent(&intent, account, at)
    intent.side = command.side
    intent.order_type = LIMIT
    intent.time_in_force = IOC
    intent.flags = REDUCE_ONLY | LIQUIDATION
    intent.price_ticks = intent.asked_price_ticks = price
    intent.lots = lots
    intent.margin_price_ticks = shard.book(at).mark_ticks
    shard.order_counter += 1
    result.order_id = shard.id_of(shard.order_counter)
    index = shard.admit(&intent, result.order_id)
    event = <OrderAccepted*>shard.journal.write(ORDER_ACCEPTED, command.instrument_id, command.account_id)
    event.order_id = result.order_id
    event.price_ticks = price
    event.asked_price_ticks = <int32_t>price
    event.size_lots = lots
    event.margin_price_ticks = intent.margin_price_ticks
    event.self_trade_prevention = EXPIRE_MAKER
    event.request_seq = command.request_seq
    event.request_number = command.request_number
    event.side = intent.side
    event.order_type = LIMIT
    event.time_in_force = IOC
    event.flags = <uint8_t>intent.flags
    match(shard, index)
    cdef Order* order = &shard.orders.slots[index]
    result.filled_lots = order.filled_lots
    result.filled_value_micros = shard.orders.pasts[index].filled_value_micros
    result.remaining_lots = order.remaining_lots
    result.state = FILLED
    if order.remaining_lots > 0:
        result.state = CANCELLED
        cancel(shard, index, BY_IMMEDIATE_REMAINDER)
    return OK


cdef int _transfer(Shard shard, Command* command, Result* result) except -1:
    """Move lots at a value, clipped so that neither side grows or flips, unless it may (R1)."""
    cdef int32_t at = shard.books.find(command.instrument_id)
    cdef int32_t giver = shard.accounts.find(command.account_id)
    cdef int64_t wanted = command.size_lots
    cdef int64_t value
    cdef int64_t delta
    cdef int32_t receiver
    cdef PositionTransferred* event
    if at < 0:
        return INSTRUMENT_UNKNOWN
    if (
        command.account_id == command.receiver_account_id
        or not -LOTS_BOUND <= wanted <= LOTS_BOUND
        or not -VALUE_BOUND < command.value_micros < VALUE_BOUND
    ):
        return MALFORMED
    delta = wanted if command.may_increase & GIVER else _clip(wanted, _position(shard, giver, at))
    receiver = shard.accounts.find(command.receiver_account_id)
    if not command.may_increase & RECEIVER:
        delta = -_clip(-delta, _position(shard, receiver, at))
    if delta == 0:
        return TRANSFER_CLIPPED
    if (command.may_increase & RECEIVER and not _fits(shard, receiver, at, -delta)) or (
        command.may_increase & GIVER and not _fits(shard, giver, at, delta)
    ):
        return AMOUNT_OUT_OF_RANGE
    giver = shard.accounts.ensure(command.account_id)
    receiver = shard.accounts.ensure(command.receiver_account_id)
    value = mul_div_trunc(command.value_micros, delta, wanted)
    shard.transfer(giver, receiver, at, delta, value, shard.journal.next_seq)
    event = <PositionTransferred*>shard.journal.write(POSITION_TRANSFERRED, command.instrument_id, command.account_id)
    event.receiver_account_id = command.receiver_account_id
    event.giver_delta_lots = delta
    event.giver_value_micros = value
    event.requested_delta_lots = wanted
    event.request_seq = command.request_seq
    event.request_number = command.request_number
    trim(shard, shard.accounts.find_holding(giver, at))
    trim(shard, shard.accounts.find_holding(receiver, at))
    result.filled_lots = delta if delta > 0 else -delta
    result.filled_value_micros = value if value > 0 else -value
    return OK


cdef int64_t _position(Shard shard, int32_t account, int32_t book) noexcept:
    cdef int32_t holding = shard.accounts.find_holding(account, book) if account >= 0 else -1
    return shard.accounts.holdings[holding].lots if holding >= 0 else 0


cdef int64_t _clip(int64_t delta, int64_t position) noexcept:
    """Return the part of a change that only reduces a position."""
    if delta > 0 and position < 0:
        return min(delta, -position)
    if delta < 0 and position > 0:
        return max(delta, -position)
    return 0


cdef bint _fits(Shard shard, int32_t account, int32_t book, int64_t delta) noexcept:
    """Tell whether an account whose position moves so stays within the bounds of PROTOCOL 1."""
    cdef int32_t holding = shard.accounts.find_holding(account, book) if account >= 0 else -1
    cdef Holding* of
    cdef int64_t total = delta
    cdef int64_t price = shard.book(book).mark_ticks
    if holding >= 0:
        of = &shard.accounts.holdings[holding]
        total += of.lots
        price = shard.accounts.price_of(of)
    if total < 0:
        total = -total
    if holding >= 0:
        total += of.buys + of.sells + of.reduce_buys + of.reduce_sells
    return total <= LOTS_BOUND and <int128>total * price <= NOTIONAL_BOUND
