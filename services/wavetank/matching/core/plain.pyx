"""The short way: what nearly every command is, a plain limit order or the cancel of one, at the least cost.

It is no second opinion. An order goes this way only if a few comparisons with bounds that were worked out before prove
that each check of `acceptance` would pass; whatever they do not prove is decided, and named, there. The same changes
follow as from the transitions of `shard`, in the same order of events, but each figure is worked out once: an order is
added to what its account's open orders may do when its run is over, so one that fills at once is in no list at all.

Credit is proven by the account's slack, a lower bound of budget + U - W (R5, R6). A plain order takes from it the most
that its lots can add to the margin, and its loss; a fill moves it by the value that it gains and the loss that it
releases, for filling never raises the margin of what was open. Every other change of a holding, and a new line, leave
the slack unknown; then the exact sums are settled once, and it is known again.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from wavetank.matching.core.accounts cimport (
    Account,
    Holding,
    maker_rate,
    margin_price,
    mark_unsettled,
    taker_rate,
)
from wavetank.matching.core.book cimport Book, Level
from wavetank.matching.core.firing cimport fire_triggers
from wavetank.matching.core.lookahead cimport Guess, Outlook, fetch, fetch_queue, guess_of, look_ahead
from wavetank.matching.core.matching cimport match, trim
from wavetank.matching.core.orders cimport CONDITIONAL, GROUPED, ICEBERG, TIMED, Order, fee_due, loss_now, loss_of
from wavetank.matching.core.placement cimport finish
from wavetank.matching.core.records cimport (
    ORDER_ACCEPTED,
    ORDER_CANCELLED,
    TRADED,
    OrderAccepted,
    OrderCancelled,
    Traded,
)
from wavetank.matching.core.words cimport (
    BUY,
    BY_DISCONNECT,
    BY_IMMEDIATE_REMAINDER,
    BY_REQUEST,
    CANCEL,
    CANCELLED,
    CHARGE_GROSS,
    EXPIRE_MAKER,
    FILLED,
    GTC,
    HALTED,
    IOC,
    LIMIT,
    LINE_NORMAL,
    LIQUIDATION,
    OPEN,
    PLACE,
    REDUCE_ONLY,
    SELL,
)
from wavetank.model.money cimport NOTIONAL_BOUND, int128

cdef extern from *:
    """
    #define WAVETANK_LIKELY(x) __builtin_expect(!!(x), 1)
    #define WAVETANK_UNLIKELY(x) __builtin_expect(!!(x), 0)
    #define WAVETANK_MOST_SLACK (1LL << 61)
    """
    bint likely "WAVETANK_LIKELY"(bint) noexcept
    bint unlikely "WAVETANK_UNLIKELY"(bint) noexcept
    # More slack than this is not kept: a fill can add 2^62 to it and it still fits.
    const int64_t MOST_SLACK "WAVETANK_MOST_SLACK"

cdef enum:
    # Marks of an order that trades or ends in a way of its own.
    NOT_PLAIN = REDUCE_ONLY | LIQUIDATION | ICEBERG | TIMED | CONDITIONAL | GROUPED

# The first eight bytes of a plain PLACE, as one number: kind, side, order type, time in force, flags and what a PLACE
# has no use for, self-trade prevention. The choices are a second side, a second time in force, and prevention 0 or 1.
cdef uint64_t PLAIN = PLACE | BUY << 8 | LIMIT << 16 | GTC << 24
cdef uint64_t CHOICES = <uint64_t>(SELL - BUY) << 8 | <uint64_t>(IOC - GTC) << 24 | <uint64_t>EXPIRE_MAKER << 56

cdef struct Run:
    # A plain order on its way through the book; what it did so far is added to its holding at the end.
    Account* account
    Holding* holding
    Book* book
    int64_t order_id
    int64_t price_ticks
    int64_t margin_price_ticks
    int64_t loss_micros
    # What the account pays for taking.
    int64_t taker_ppm
    int64_t remaining_lots
    int64_t filled_lots
    int64_t value_micros
    int64_t fees_micros
    # Seq of its first and of its last trade.
    int64_t first_seq
    int64_t last_seq
    int32_t holding_index
    int32_t account_index
    int32_t book_index
    int32_t prepaid_fee
    uint8_t side
    uint8_t time_in_force


cdef Py_ssize_t carry_out_run(
    Shard shard, Outlook* outlook, Command* commands, Py_ssize_t index, Py_ssize_t count, Result* results,
    int32_t* ends,
) except -1:
    """Carry out commands of a batch from `index` on, as long as they are plain; return where it stopped."""
    while index < count:
        look_ahead(shard, outlook, commands, index, count)
        if not carry_out_plain(shard, commands + index, guess_of(outlook, index), results + index):
            break
        fire_triggers(shard)
        ends[index] = <int32_t>shard.journal.count
        index += 1
    return index


cdef inline bint carry_out_plain(Shard shard, Command* command, Guess* guess, Result* result) except -1:
    """Carry out a command if it is plain and surely accepted; else return False, and nothing has changed."""
    memset(result, 0, sizeof(Result))
    if command.kind == PLACE:
        return place_plain(shard, command, guess, result)
    return command.kind == CANCEL and cancel_plain(shard, command, guess, result)


# Placing


cdef inline bint place_plain(Shard shard, Command* command, Guess* guess, Result* result) except -1:
    """Carry out a PLACE if it is plain and surely accepted; else return False, and nothing has changed."""
    cdef Run run
    cdef bint met_other
    cdef int32_t index
    if not _is_plain(command) or not _is_accepted(shard, command, guess, &run):
        return False
    shard.order_counter += 1
    run.order_id = result.order_id = shard.running = shard.id_of(shard.order_counter)
    # Where it will be noted if it rests.
    fetch(&shard.orders.by_id.entries[shard.orders.by_id.home(<uint32_t>run.order_id)])
    _write_accepted(shard, &run)
    met_other = _trade_while_plain(shard, &run)
    if run.filled_lots:
        _book_fills(shard, &run)
    if unlikely(met_other):
        # From here on it takes the general way.
        index = _rest_of(shard, &run)
        match(shard, index)
        finish(shard, index, result)
        return True
    result.filled_lots = run.filled_lots
    result.filled_value_micros = run.value_micros
    result.remaining_lots = run.remaining_lots
    if run.remaining_lots == 0:
        result.state = FILLED
    elif run.time_in_force == GTC:
        result.state = OPEN
        shard.books.add(_rest_of(shard, &run))
    else:
        result.state = CANCELLED
        _write_cancelled(
            shard, run.book.instrument_id, run.holding.account_id, run.order_id, run.price_ticks, run.remaining_lots,
            run.side, BY_IMMEDIATE_REMAINDER, 0,
        )
    return True


cdef inline bint _is_plain(Command* command) noexcept:
    """Tell whether a command is a PLACE of a limit order, GTC or IOC, with nothing else asked for."""
    return likely(
        (((<uint64_t*>command)[0] - PLAIN) & ~CHOICES) == 0
        and (
            command.client_id.low | command.client_id.high | command.slippage_cap_ppm | command.display_lots
            | command.trigger_price_ticks | command.expire_time_ns
        ) == 0
        and (command.trigger_kind | command.trigger_source | command.group_kind) == 0
    )


cdef inline bint _is_accepted(Shard shard, Command* command, Guess* guess, Run* run) noexcept:
    """Tell whether a plain order passes every check for certain; fill in its run, and take its credit."""
    cdef int32_t account = shard.accounts.find_near(command.account_id, guess.account)
    cdef int32_t book = shard.books.find(command.instrument_id)
    cdef int32_t index
    if unlikely(account < 0 or book < 0 or not shard.is_open):
        return False
    index = shard.accounts.find_holding(account, book)
    if unlikely(index < 0 or shard.is_stale(&shard.books.slots[book])):
        return False
    run.account = &shard.accounts.slots[account]
    # A row that names a leverage makes a holding where an isolated account may not trade.
    if unlikely(run.account.only_instrument_id != 0 and run.account.only_instrument_id != command.instrument_id):
        return False
    run.holding = &shard.accounts.holdings[index]
    run.book = &shard.books.slots[book]
    run.account_index = account
    run.holding_index = index
    run.book_index = book
    run.price_ticks = command.price_ticks
    run.remaining_lots = command.size_lots
    run.side = command.side
    run.time_in_force = command.time_in_force
    run.filled_lots = run.value_micros = run.fees_micros = 0
    run.prepaid_fee = 0
    return likely(_is_within_limits(shard, run)) and _has_credit(shard, run)


cdef inline bint _is_within_limits(Shard shard, Run* run) noexcept:
    """Tell whether price, size, position, notional, open interest and counts are surely within their limits."""
    cdef Book* book = run.book
    cdef Holding* holding = run.holding
    cdef int64_t lots = run.remaining_lots
    cdef int64_t position = holding.lots if holding.lots >= 0 else -holding.lots
    cdef int64_t reach, value
    if run.price_ticks < book.plain_lowest_ticks or run.price_ticks > book.plain_highest_ticks:
        return False
    if book.plain_step_ticks != 1 and run.price_ticks % book.plain_step_ticks != 0:
        return False
    if lots < 1 or lots > book.plain_lots:
        return False
    # Beside reduce-only orders, and those that end with a position, there is more to look at.
    if holding.reduce_buys | holding.reduce_sells | holding.position_orders:
        return False
    # A holding with something in it is counted among the account's instruments already.
    if holding.lots == 0 and holding.open_orders == 0:
        shard.accounts.settle(run.account_index)
        if run.account.active_holdings >= shard.max_instruments:
            return False
    value = lots * run.price_ticks
    run.margin_price_ticks = margin_price(holding, book)
    # Neither way can the position come to more than this.
    reach = position + holding.buys + holding.sells + lots
    return (
        reach <= book.plain_reach_lots
        and reach * run.margin_price_ticks <= book.plain_notional_micros
        and holding.open_value + value <= NOTIONAL_BOUND
        and value >= book.min_notional_micros
        and book.open_interest_lots + lots <= book.open_interest_cap_lots
        and run.account.open_orders < shard.max_open_orders
    )


cdef inline bint _has_credit(Shard shard, Run* run) noexcept:
    """Tell whether the account's line surely covers the order (R7, R11); if so, take that from its slack."""
    cdef Account* account = run.account
    cdef int64_t lots = run.remaining_lots
    cdef int64_t need
    run.taker_ppm = taker_rate(account, run.book)
    run.loss_micros = loss_of(lots, run.price_ticks, run.margin_price_ticks, run.side, run.taker_ppm, 0)
    need = lots * run.holding.lot_margin + run.loss_micros
    if unlikely(account.slack < need or shard.now_ns > account.fresh_until_ns):
        _renew_slack(shard, run.account_index)
        need = lots * run.holding.lot_margin + run.loss_micros
        if account.slack < need:
            return False
    if unlikely(run.holding.lot_margin == 0):
        return False
    account.slack -= need
    return True


cdef void _renew_slack(Shard shard, int32_t index) noexcept:
    """Work an account's slack out anew; 0 if its line is not one under which a plain order may be accepted."""
    cdef Account* account = &shard.accounts.slots[index]
    cdef int64_t oldest = shard.now_ns
    cdef int128 free
    shard.accounts.settle(index)
    account.slack = 0
    # Where offsets count, one more lot may add more than its margin; and limits of its own are checked in `limits`.
    if account.status != LINE_NORMAL or account.charge > CHARGE_GROSS or account.has_limits:
        return
    if account.first_uncounted_seq != 0:
        oldest = shard.time_of(account.first_uncounted_seq)
    if account.mark_time_ns != 0 and account.mark_time_ns < oldest:
        oldest = account.mark_time_ns
    if <int128>shard.now_ns - oldest > shard.credit_ttl_ns:
        return
    # Fills that come later are no older than now.
    account.fresh_until_ns = oldest + shard.credit_ttl_ns
    free = <int128>account.budget + shard.accounts.uncounted(index) - account.committed
    account.slack = <int64_t>max(<int128>0, min(free, <int128>MOST_SLACK))


cdef inline void _move_slack(Account* account, int64_t gain) noexcept:
    """Let the slack, if it is known, follow a change; nothing left is as good as unknown."""
    cdef int64_t slack = account.slack + gain
    if account.slack != 0:
        account.slack = max(<int64_t>0, min(slack, MOST_SLACK))


# Trading


cdef inline bint _trade_while_plain(Shard shard, Run* run) except -1:
    """Trade as far as the limit goes, with plain orders of others; return whether one that is not was met."""
    # The other side, and 1 for a buy and -1 for a sell: a sell's prices are compared from below.
    cdef int side = BUY + SELL - run.side
    cdef int64_t sign = BUY + SELL - 2 * <int64_t>run.side
    cdef int32_t at, maker
    cdef Level* level
    cdef Order* makes
    while run.remaining_lots > 0:
        at = run.book.best[side]
        if at < 0:
            break
        level = &shard.books.levels[at]
        if (level.price_ticks - run.price_ticks) * sign > 0:
            break
        maker = level.first
        makes = &shard.orders.slots[maker]
        # One holding is one account in one book.
        if unlikely(makes.details >= 0 or makes.flags & NOT_PLAIN or makes.holding == run.holding_index):
            return True
        fetch_queue(shard, makes)
        _trade(shard, run, level, maker, makes)
    return False


cdef inline int _trade(Shard shard, Run* run, Level* level, int32_t maker, Order* makes) except -1:
    """Let the order trade with a plain one that rests, the first of its level."""
    cdef int32_t maker_holding = makes.holding
    cdef Holding* holding = &shard.accounts.holdings[maker_holding]
    cdef Account* account = &shard.accounts.slots[holding.account]
    cdef Book* book = run.book
    cdef int64_t price_ticks = makes.price_ticks
    cdef int64_t lots = min(<int64_t>makes.remaining_lots, run.remaining_lots)
    cdef int64_t left = makes.remaining_lots - lots
    cdef int64_t value = lots * price_ticks
    # What the maker's lots add to its position: 1 and -1 times them.
    cdef int64_t sign = 2 * <int64_t>run.side - (BUY + SELL)
    # A maker's loss holds the fee for taking, as when it was accepted (R6); what it pays is that for making.
    cdef int64_t loss_ppm = taker_rate(account, book)
    cdef int64_t released = loss_now(makes, loss_ppm)
    cdef int64_t maker_fee = fee_due(value, maker_rate(account, book), &makes.prepaid_fee)
    cdef int64_t taker_fee = fee_due(value, run.taker_ppm, &run.prepaid_fee)
    cdef int64_t seq = shard.journal.next_seq
    cdef Traded* event
    if run.filled_lots == 0:
        run.first_seq = seq
    run.last_seq = seq
    run.remaining_lots -= lots
    run.filled_lots += lots
    run.value_micros += value
    run.fees_micros += taker_fee
    book.last_price_ticks = price_ticks
    shard.trade_counter += 1
    event = <Traded*>shard.journal.write(TRADED, book.instrument_id, run.holding.account_id)
    event.trade_id = shard.id_of(shard.trade_counter)
    event.maker_account_id = holding.account_id
    event.maker_order_id = makes.order_id
    event.taker_order_id = run.order_id
    event.price_ticks = price_ticks
    event.size_lots = lots
    event.maker_fee_micros = maker_fee
    event.taker_fee_micros = taker_fee
    event.maker_remaining_lots = left
    event.taker_remaining_lots = run.remaining_lots
    event.taker_side = run.side
    makes.filled_lots += <int32_t>lots
    makes.remaining_lots = <int32_t>left
    level.total_lots -= lots
    shard.books.touch(makes.level)
    # What is left of the maker may still lose something; a filled order nothing.
    if left:
        released -= loss_now(makes, loss_ppm)
        shard.orders.pasts[maker].filled_value_micros += value
    holding.loss -= released
    _add_lots(holding, makes.side, -lots, price_ticks)
    _fill(book, account, holding, sign * lots, sign * value, maker_fee, released, seq, seq)
    mark_unsettled(account, holding, maker_holding)
    if left == 0:
        shard.books.leave(level, makes)
        _end(shard, maker, makes, account, holding)
    return trim(shard, maker_holding)


cdef inline void _fill(
    Book* book, Account* account, Holding* holding, int64_t delta, int64_t value, int64_t fee,
    int64_t released, int64_t first_seq, int64_t last_seq,
) noexcept:
    """Change a position, the sums that clearing compares with its own (R4), and the slack."""
    cdef int64_t before = holding.lots
    cdef int64_t after = before + delta
    holding.lots = after
    book.open_interest_lots += (after & ~(after >> 63)) - (before & ~(before >> 63))
    account.value += <uint64_t>value
    account.fees += <uint64_t>fee
    account.last_fill_seq = last_seq
    if account.first_uncounted_seq == 0:
        account.first_uncounted_seq = first_seq
    _move_slack(account, margin_price(holding, book) * delta - value - fee + released)


cdef inline void _add_lots(Holding* holding, uint8_t side, int64_t lots, int64_t price_ticks) noexcept:
    # Which side, no processor can guess; the address is worked out without a branch.
    cdef int64_t* of_side = &holding.buys + (side - BUY)
    of_side[0] += lots
    holding.open_value += lots * price_ticks


cdef int _book_fills(Shard shard, Run* run) except -1:
    """Add what an order's run filled to its account, all trades at once."""
    cdef int64_t sign = BUY + SELL - 2 * <int64_t>run.side
    cdef int64_t left = 0
    if run.remaining_lots:
        left = loss_of(
            run.remaining_lots, run.price_ticks, run.margin_price_ticks, run.side, run.taker_ppm, run.prepaid_fee
        )
    _fill(
        run.book, run.account, run.holding, sign * run.filled_lots, sign * run.value_micros, run.fees_micros,
        run.loss_micros - left, run.first_seq, run.last_seq,
    )
    run.loss_micros = left
    mark_unsettled(run.account, run.holding, run.holding_index)
    if run.book.watchers:
        shard.triggers.note(run.book_index)
    return 0


# Beginning and ending


cdef inline int32_t _rest_of(Shard shard, Run* run) except -2:
    """Bring what is left of an order into being; it rests nowhere yet. Return its index."""
    cdef int32_t index = shard.orders.take()
    cdef Order* order = &shard.orders.slots[index]
    cdef Account* account = run.account
    cdef Holding* holding = run.holding
    order.order_id = run.order_id
    order.price_ticks = <int32_t>run.price_ticks
    order.margin_price_ticks = <int32_t>run.margin_price_ticks
    order.remaining_lots = <int32_t>run.remaining_lots
    order.filled_lots = <int32_t>run.filled_lots
    order.prepaid_fee = run.prepaid_fee
    order.holding = run.holding_index
    order.level = order.next = order.previous = order.details = -1
    order.flags = 0
    order.book = <uint16_t>run.book_index
    order.side = run.side
    order.order_type = LIMIT
    order.time_in_force = run.time_in_force
    order.state = OPEN
    shard.orders.pasts[index].accepted_time_ns = shard.now_ns
    shard.orders.pasts[index].filled_value_micros = run.value_micros
    shard.orders.by_id.put(<uint32_t>run.order_id, index)
    shard.enlist(index, account, holding)
    holding.loss += run.loss_micros
    _add_lots(holding, run.side, run.remaining_lots, run.price_ticks)
    mark_unsettled(account, holding, run.holding_index)
    return index


cdef inline void _end(Shard shard, int32_t index, Order* order, Account* account, Holding* holding) noexcept:
    """Let an order without details, that rests no more, be found no more."""
    shard.unlist(order, account, holding)
    shard.orders.by_id.drop(<uint32_t>order.order_id, index)
    shard.orders.give_back(index)


cdef inline bint cancel_plain(Shard shard, Command* command, Guess* guess, Result* result) except -1:
    """Carry out a CANCEL by order id if it is that of a plain order; else return False, and nothing has changed."""
    cdef int32_t index
    cdef int64_t loss
    cdef Order* order
    cdef Holding* holding
    cdef Account* account
    cdef Book* book
    cdef Level* level
    cdef uint8_t cancel_reason = command.cancel_reason if command.cancel_reason else BY_REQUEST
    if unlikely(
        command.client_id.low | command.client_id.high
        or command.order_id == 0
        or (cancel_reason != BY_REQUEST and cancel_reason != BY_DISCONNECT)
    ):
        return False
    index = shard.orders.find_near(command.order_id, guess.order)
    if unlikely(index < 0):
        return False
    order = &shard.orders.slots[index]
    holding = &shard.accounts.holdings[order.holding]
    book = &shard.books.slots[order.book]
    if unlikely(
        order.details >= 0
        or order.flags & NOT_PLAIN
        or order.level < 0
        or holding.account_id != command.account_id
        or book.state == HALTED
        or not book.margin_grows
    ):
        return False
    account = &shard.accounts.slots[holding.account]
    result.order_id = order.order_id
    result.filled_lots = order.filled_lots
    result.filled_value_micros = shard.orders.pasts[index].filled_value_micros
    result.remaining_lots = order.remaining_lots
    result.state = CANCELLED
    _write_cancelled(
        shard, book.instrument_id, holding.account_id, order.order_id, order.price_ticks,
        order.remaining_lots, order.side, cancel_reason, <uint8_t>order.flags,
    )
    level = &shard.books.levels[order.level]
    level.total_lots -= order.remaining_lots
    shard.books.touch(order.level)
    shard.books.leave(level, order)
    loss = loss_now(order, taker_rate(account, book))
    holding.loss -= loss
    _move_slack(account, loss)
    _add_lots(holding, order.side, -<int64_t>order.remaining_lots, order.price_ticks)
    mark_unsettled(account, holding, order.holding)
    shard.running = 0
    _end(shard, index, order, account, holding)
    return True


# Events


cdef inline int _write_accepted(Shard shard, Run* run) except -1:
    cdef OrderAccepted* event = <OrderAccepted*>shard.journal.write(
        ORDER_ACCEPTED, run.book.instrument_id, run.holding.account_id
    )
    event.order_id = run.order_id
    event.price_ticks = run.price_ticks
    event.size_lots = run.remaining_lots
    event.loss_micros = run.loss_micros
    event.margin_price_ticks = run.margin_price_ticks
    event.asked_price_ticks = <int32_t>run.price_ticks
    event.side = run.side
    event.order_type = LIMIT
    event.time_in_force = run.time_in_force
    event.self_trade_prevention = EXPIRE_MAKER
    return 0


cdef inline int _write_cancelled(
    Shard shard, int32_t instrument_id, int64_t account_id, int64_t order_id, int64_t price_ticks,
    int64_t remaining_lots, uint8_t side, uint8_t cancel_reason, uint8_t flags,
) except -1:
    cdef OrderCancelled* event = <OrderCancelled*>shard.journal.write(ORDER_CANCELLED, instrument_id, account_id)
    event.order_id = order_id
    event.price_ticks = price_ticks
    event.remaining_lots = remaining_lots
    event.side = side
    event.reason = cancel_reason
    event.flags = flags
    return 0
