"""Acceptance: each check of an order in its stated order, the first that fails gives the reason (ORD-060).

Body, gate and instrument state; price, mark and band; size and notional; reduce-only; limits of position, open interest
and counts; the book (post-only, fill-or-kill); and last the credit line. An amendment that loses priority passes the
same checks with the old order taken out of the account's exposure first. Nothing here changes anything.
"""

from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint8_t, uint16_t
from libc.string cimport memset
from libcpp.vector cimport vector

from wavetank.matching.core.accounts cimport Account, Holding, reach_of, taker_rate
from wavetank.matching.core.book cimport Book, band_edge
from wavetank.matching.core.firing cimport is_reached, watched_price
from wavetank.matching.core.limits cimport check_exposure, most_lots
from wavetank.matching.core.orders cimport GROUPED, STOPS_BOTH, STOPS_ITSELF, Order, loss_now, loss_of, rests
from wavetank.matching.core.records cimport Command
from wavetank.matching.core.shard cimport Intent, Shard, begin_intent, marks_of
from wavetank.matching.core.states cimport takes_order
from wavetank.matching.core.words cimport (
    ACCOUNT_FROZEN,
    ACCOUNT_REDUCE_ONLY,
    AMOUNT_OUT_OF_RANGE,
    AUCTION,
    BUY,
    CANCEL_ON_DISCONNECT,
    CHARGE_GROSS,
    CREDIT_ELSEWHERE,
    CREDIT_EXCEEDED,
    CREDIT_STALE,
    DISPLAY_OUT_OF_RANGE,
    EXPIRE_BOTH,
    EXPIRY_PASSED,
    FILL_OR_KILL_UNFILLED,
    FOK,
    GTT,
    INDEX,
    INSTRUMENT_STATE,
    INSTRUMENT_UNKNOWN,
    IOC,
    ISOLATED_ELSEWHERE,
    LIMIT,
    LAST,
    LINE_FROZEN,
    LINE_REDUCE_ONLY,
    LOTS_LIMIT,
    MALFORMED,
    MARKET,
    NO_CREDIT_LINE,
    NO_LINE,
    NO_REFERENCE_PRICE,
    NOT_READY,
    NOTIONAL_TOO_SMALL,
    OK,
    ONE_CANCELS_OTHER,
    OPEN,
    OPEN_INTEREST_CAP,
    ORDER_COMBINATION,
    ORDER_TOO_LARGE,
    OUTSIDE_PRICE_BAND,
    PARENT,
    POSITION,
    POSITION_TOO_LARGE,
    POST_ONLY,
    POST_ONLY_SLIDE,
    POST_ONLY_WOULD_CROSS,
    PRICE_LIMIT,
    PRICE_OFF_GRID,
    PRICE_OUT_OF_RANGE,
    PRICE_STALE,
    QUOTE,
    REDUCE_ONLY,
    REDUCE_ONLY_WOULD_INCREASE,
    SELL,
    SIZE_OUT_OF_RANGE,
    STATE_POST_ONLY,
    TAKE_PROFIT,
    TOO_MANY_INSTRUMENTS,
    TOO_MANY_OPEN_ORDERS,
    TRADING,
    TRIGGER_PRICE_PASSED,
    UNTRIGGERED,
    WAITING,
)
from wavetank.model.margin cimport maintenance_of
from wavetank.model.money cimport LOTS_BOUND, NOTIONAL_BOUND, int128, price_step, round_down_to_grid, round_up_to_grid


cdef enum:
    # What a PLACE may ask for; QUOTE besides in a mass quote.
    PLACE_FLAGS = POST_ONLY | REDUCE_ONLY | POST_ONLY_SLIDE | CANCEL_ON_DISCONNECT


cdef int refuse(Refusal* refusal, uint16_t reason, int64_t was, int64_t allowed) noexcept:
    """Note a refusal; return its reason."""
    refusal.reason = reason
    refusal.was = was
    refusal.allowed = allowed
    return reason


cdef int64_t narrow(int128 wide) noexcept:
    """Bring a number that is only shown into 64 bits."""
    if wide > INT64_MAX:
        return INT64_MAX
    return INT64_MIN if wide < INT64_MIN else <int64_t>wide


cdef int accept(Shard shard, Command* command, Role* role, Intent* intent, Refusal* refusal) except -1:
    """Read a PLACE into an intent, and check it; `role` is NULL for one that stands alone. Return a reason or 0."""
    cdef int32_t account = shard.accounts.find(command.account_id)
    cdef int reason
    # Whether such an account is known depends on how the process was restarted; its answer must not.
    if account < 0 or (
        shard.accounts.slots[account].status == NO_LINE and shard.accounts.slots[account].last_fill_seq == 0
    ):
        return refuse(refusal, NO_CREDIT_LINE, 0, 0)
    reason = _propose(shard, command, account, role, intent, refusal)
    if reason != OK:
        return reason
    return check(shard, intent, NEW, refusal) if intent.state == OPEN else check_waiting(shard, intent, True, refusal)


cdef int _propose(
    Shard shard, Command* command, int32_t account, Role* role, Intent* intent, Refusal* refusal
) except -1:
    """Read a PLACE command into an intent; a market order becomes an IOC at its cap. Return a reason or 0."""
    cdef int32_t at = shard.books.find(command.instrument_id)
    cdef Book* book
    cdef bint is_quote = role != NULL and role.in_mass_quote
    cdef int32_t only = shard.accounts.slots[account].only_instrument_id
    if at < 0:
        return refuse(refusal, INSTRUMENT_UNKNOWN, command.instrument_id, 0)
    # So an isolated account never holds anything elsewhere, and nothing of it there need be looked at again.
    if only != 0 and only != command.instrument_id:
        return refuse(refusal, ISOLATED_ELSEWHERE, command.instrument_id, only)
    if not _is_well_formed(command, PLACE_FLAGS | QUOTE if is_quote else PLACE_FLAGS):
        return refuse(refusal, MALFORMED, 0, 0)
    if not _makes_sense(command) or (role != NULL and role.group_kind and not _fits_group(command, role)):
        return refuse(refusal, ORDER_COMBINATION, 0, 0)
    begin_intent(intent, account, at)
    intent.client_id = command.client_id
    intent.price_ticks = intent.asked_price_ticks = command.price_ticks
    intent.lots = command.size_lots
    intent.slippage_cap_ppm = command.slippage_cap_ppm
    intent.expire_time_ns = command.expire_time_ns
    intent.display_lots = command.display_lots
    intent.trigger_price_ticks = command.trigger_price_ticks
    intent.trigger_kind = command.trigger_kind
    intent.trigger_source = command.trigger_source
    intent.side = command.side
    intent.order_type = command.order_type
    intent.time_in_force = command.time_in_force if command.time_in_force else IOC
    if role != NULL:
        intent.group_kind = role.group_kind
    if command.trigger_kind:
        intent.state = WAITING if intent.group_kind == PARENT else UNTRIGGERED
    intent.flags = command.flags | marks_of(intent, command.self_trade_prevention)
    if not shard.is_open:
        return refuse(refusal, NOT_READY, 0, 0)
    book = shard.book(at)
    if book.state != TRADING and not takes_order(book.state, intent, intent.trigger_kind != 0):
        return refuse(refusal, INSTRUMENT_STATE, book.state, TRADING)
    if command.time_in_force == GTT and command.expire_time_ns <= shard.now_ns:
        return refuse(refusal, EXPIRY_PASSED, command.expire_time_ns, shard.now_ns)
    # What waits gets its cap when it runs.
    if command.order_type == MARKET and not command.trigger_kind:
        if book.mark_ticks == 0:
            return refuse(refusal, NO_REFERENCE_PRICE, 0, 0)
        intent.price_ticks = market_limit(book, command.side, command.slippage_cap_ppm)
    return OK


cdef int64_t market_limit(Book* book, uint8_t side, int64_t cap_ppm) noexcept:
    """Return the furthest price of a market order: its slippage cap, 0 for none, or the band, from the mark."""
    return band_edge(book, side, cap_ppm if 0 < cap_ppm < book.price_band_ppm else book.price_band_ppm)


cdef bint _fits_group(Command* command, Role* role) noexcept:
    """Tell whether an order is what its group's kind asks of it (ORD-040)."""
    cdef Command* one
    cdef int at
    cdef bint closes = command.trigger_kind != 0 and command.flags & REDUCE_ONLY != 0
    if role.group_kind == ONE_CANCELS_OTHER:
        return command.trigger_kind != 0 or rests(command.time_in_force)
    if role.group_kind == PARENT and role.number == 0:
        return command.trigger_kind == 0 and not command.flags & REDUCE_ONLY
    for at in range(role.number):
        one = role.first + at
        if one.trigger_kind != 0 and one.trigger_kind == command.trigger_kind:
            return False
    if role.group_kind == POSITION:
        return closes and command.side == role.first.side
    return closes and command.side != role.first.side and command.size_lots <= role.first.size_lots


cdef bint _is_well_formed(Command* command, uint8_t flags) noexcept:
    """Tell whether each property of a PLACE has a known value."""
    if (
        (command.side != BUY and command.side != SELL)
        or (command.order_type != LIMIT and command.order_type != MARKET)
        or command.flags & ~flags
        or not 0 <= command.slippage_cap_ppm <= 1_000_000
        or command.time_in_force > GTT
        or (command.time_in_force == 0 and command.order_type != MARKET)
        or command.self_trade_prevention > EXPIRE_BOTH
    ):
        return False
    if not (command.display_lots | command.expire_time_ns | command.trigger_price_ticks):
        return not (command.trigger_kind | command.trigger_source)
    return (
        command.display_lots >= 0
        and command.expire_time_ns >= 0
        and command.trigger_price_ticks >= 0
        and command.trigger_kind <= TAKE_PROFIT
        and command.trigger_source <= INDEX
        and (command.trigger_kind != 0) == (command.trigger_price_ticks != 0)
        and (command.trigger_source != 0) == (command.trigger_price_ticks != 0)
    )


cdef bint _makes_sense(Command* command) noexcept:
    """Tell whether the properties of a PLACE go together (ORD-010)."""
    cdef bint is_resting = command.order_type == LIMIT and rests(command.time_in_force)
    if command.order_type == MARKET:
        if rests(command.time_in_force) or command.price_ticks != 0:
            return False
    elif command.slippage_cap_ppm != 0:
        return False
    if command.flags & POST_ONLY and not is_resting:
        return False
    if command.flags & POST_ONLY_SLIDE and not command.flags & POST_ONLY:
        return False
    if (command.time_in_force == GTT) != (command.expire_time_ns != 0):
        return False
    if command.display_lots != 0 and not is_resting:
        return False
    return command.trigger_kind == 0 or not (command.flags & POST_ONLY_SLIDE or command.display_lots)


cdef int check(Shard shard, Intent* intent, int32_t replaced, Refusal* refusal) except -1:
    """Check an order of known body, or what an open order would become (`replaced`, else NEW, FIRED or FIRED_WHOLE).

    Sets the intent's margin price and loss. Return a reason or 0.
    """
    cdef Holding after
    cdef Order* old
    cdef int reason
    shard.accounts.settle(intent.account)
    intent.holding = shard.accounts.find_holding(intent.account, intent.book)
    if intent.holding >= 0:
        after = shard.accounts.holdings[intent.holding]
    else:
        memset(&after, 0, sizeof(Holding))
        after.account = intent.account
        after.book = intent.book
    if replaced >= 0:
        old = &shard.orders.slots[replaced]
        _add_lots(&after, old.side, old.flags, -old.remaining_lots, old.price_ticks)
        after.loss -= loss_now(old, shard.taker_rate_of(old))
        after.open_orders -= 1
    reason = _check_price(shard, shard.book(intent.book), intent, refusal)
    if reason == OK:
        reason = _check_size(shard.book(intent.book), intent, &after, replaced == FIRED_WHOLE, refusal)
    if reason == OK:
        reason = _check_limits(shard, intent, &after, replaced, refusal)
    if reason == OK:
        reason = _check_book(shard, intent, &after, refusal)
    if reason == OK:
        reason = _check_credit(shard, intent, &after, replaced, refusal)
    return reason


cdef void _add_lots(Holding* holding, uint8_t side, uint16_t flags, int64_t lots, int64_t price_ticks) noexcept:
    if flags & REDUCE_ONLY:
        if side == BUY:
            holding.reduce_buys += lots
        else:
            holding.reduce_sells += lots
    elif side == BUY:
        holding.buys += lots
    else:
        holding.sells += lots
    holding.open_value += lots * price_ticks


cdef inline int _check_grid(Book* book, int64_t price, Refusal* refusal) noexcept:
    cdef int64_t step
    if not 1 <= price <= PRICE_LIMIT:
        return refuse(refusal, PRICE_OUT_OF_RANGE, price, PRICE_LIMIT)
    if price >= book.every_tick_below:
        step = price_step(price, book.size_decimals, book.significant_figures)
        if price % step != 0:
            return refuse(refusal, PRICE_OFF_GRID, price, step)
    return OK


cdef int _check_price(Shard shard, Book* book, Intent* intent, Refusal* refusal) noexcept:
    cdef int64_t price = intent.price_ticks
    if _check_grid(book, price, refusal) != OK:
        return refusal.reason
    if book.mark_ticks == 0:
        return refuse(refusal, NO_REFERENCE_PRICE, 0, 0)
    if intent.order_type != MARKET and not -book.band_ticks <= price - book.mark_ticks <= book.band_ticks:
        # The nearest price that the band allows on this side of the mark.
        return refuse(
            refusal, OUTSIDE_PRICE_BAND, price,
            band_edge(book, BUY if price > book.mark_ticks else SELL, book.price_band_ppm),
        )
    if shard.is_stale(book) and not intent.flags & REDUCE_ONLY:
        return refuse(refusal, PRICE_STALE, 0, 0)
    return OK


cdef inline int _check_lots(Book* book, Intent* intent, bint is_whole, Refusal* refusal) noexcept:
    if not 1 <= intent.lots <= LOTS_LIMIT:
        return refuse(refusal, SIZE_OUT_OF_RANGE, intent.lots, LOTS_LIMIT)
    if intent.display_lots > intent.lots:
        return refuse(refusal, DISPLAY_OUT_OF_RANGE, intent.display_lots, intent.lots)
    # A position may have grown by more than one order; what closes all of it must be able to.
    if intent.lots > book.max_order_lots and not is_whole:
        return refuse(refusal, ORDER_TOO_LARGE, intent.lots, book.max_order_lots)
    return OK


cdef int _check_size(Book* book, Intent* intent, Holding* after, bint is_whole, Refusal* refusal) noexcept:
    cdef int64_t lots = intent.lots
    cdef int64_t closable
    cdef int64_t notional
    if _check_lots(book, intent, is_whole, refusal) != OK:
        return refusal.reason
    if intent.flags & REDUCE_ONLY:
        # Resting reduce-only orders of the side have claimed their part of the position (MTCH-030).
        closable = -after.lots - after.reduce_buys if intent.side == BUY else after.lots - after.reduce_sells
        if closable < 0:
            closable = 0
        if lots > closable:
            return refuse(refusal, REDUCE_ONLY_WOULD_INCREASE, lots, closable)
        return OK
    notional = lots * (book.mark_ticks if intent.order_type == MARKET else intent.price_ticks)
    if notional < book.min_notional_micros:
        return refuse(refusal, NOTIONAL_TOO_SMALL, notional, book.min_notional_micros)
    return OK


cdef int _check_limits(Shard shard, Intent* intent, Holding* after, int32_t replaced, Refusal* refusal) noexcept:
    cdef Book* book = shard.book(intent.book)
    cdef Account* account = &shard.accounts.slots[intent.account]
    cdef int64_t lots = intent.lots
    cdef int64_t total = after.lots if after.lots >= 0 else -after.lots
    cdef int64_t most = book.max_position_lots
    cdef int64_t reach
    cdef int64_t growth
    cdef int128 notional
    total += after.buys + after.sells + after.reduce_buys + after.reduce_sells + lots
    if total > LOTS_BOUND:
        return refuse(refusal, AMOUNT_OUT_OF_RANGE, total, LOTS_BOUND)
    notional = <int128>total * shard.accounts.price_of(after)
    if notional < <int128>after.open_value + lots * intent.price_ticks:
        notional = <int128>after.open_value + lots * intent.price_ticks
    if notional > NOTIONAL_BOUND:
        return refuse(refusal, AMOUNT_OUT_OF_RANGE, narrow(notional), NOTIONAL_BOUND)
    # Reduce-only lots alone never lead across flat; beside other orders of the side they may fill first, and those then
    # lead further.
    if intent.side == BUY:
        reach = after.lots + after.buys + after.reduce_buys + lots
    else:
        reach = after.sells + after.reduce_sells + lots - after.lots
    if account.has_limits:
        most = min(most, most_lots(shard, intent))
    if reach > most:
        return refuse(refusal, POSITION_TOO_LARGE, reach, most)
    if account.has_limits and check_exposure(shard, intent, after, reach, refusal) != OK:
        return refusal.reason
    # Every trade has a taker whose own growth was counted here, so the cap holds whatever rests.
    growth = after.lots if intent.side == BUY else -after.lots
    growth = (growth + lots if growth + lots > 0 else 0) - (growth if growth > 0 else 0)
    if growth > 0 and book.open_interest_lots + growth > book.open_interest_cap_lots:
        return refuse(refusal, OPEN_INTEREST_CAP, book.open_interest_lots + growth, book.open_interest_cap_lots)
    if replaced < 0:
        if replaced == NEW and rests(intent.time_in_force) and account.open_orders >= shard.max_open_orders:
            return refuse(refusal, TOO_MANY_OPEN_ORDERS, account.open_orders + 1, shard.max_open_orders)
        if not after.is_active and account.active_holdings >= shard.max_instruments:
            return refuse(refusal, TOO_MANY_INSTRUMENTS, account.active_holdings + 1, shard.max_instruments)
    return OK


cdef int _check_book(Shard shard, Intent* intent, Holding* after, Refusal* refusal) except -1:
    """Check an order against the other side; a post-only order that may slide gets the price that it slides to."""
    cdef Book* book = shard.book(intent.book)
    cdef int32_t best = book.best[SELL if intent.side == BUY else BUY]
    cdef int64_t price, fillable
    cdef int128 notional
    if book.state == AUCTION:
        # It may cross: nothing trades before the end.
        return OK
    if (
        (intent.flags & POST_ONLY or book.state == STATE_POST_ONLY)
        and best >= 0
        and _crosses(intent, shard.books.levels[best].price_ticks)
    ):
        price = _slid(book, intent.side, shard.books.levels[best].price_ticks) if intent.flags & POST_ONLY_SLIDE else 0
        if price == 0:
            return refuse(refusal, POST_ONLY_WOULD_CROSS, intent.price_ticks, shard.books.levels[best].price_ticks)
        intent.price_ticks = price
        # A sell slides up, so its notional grows (UNIT-020).
        notional = <int128>after.open_value + intent.lots * price
        if notional > NOTIONAL_BOUND:
            return refuse(refusal, AMOUNT_OUT_OF_RANGE, narrow(notional), NOTIONAL_BOUND)
    if intent.time_in_force == FOK:
        fillable = certain_lots(shard, intent, NULL)
        if fillable < intent.lots:
            return refuse(refusal, FILL_OR_KILL_UNFILLED, intent.lots, fillable)
    return OK


cdef int64_t _slid(Book* book, uint8_t side, int64_t best_ticks) noexcept:
    """Return the best price on the grid and in the band that does not cross the other side's best, or 0."""
    cdef int64_t price
    if side == BUY:
        price = best_ticks - 1
        if price < 1:
            return 0
        price = round_down_to_grid(price, book.size_decimals, book.significant_figures)
    else:
        price = round_up_to_grid(best_ticks + 1, book.size_decimals, book.significant_figures)
    return price if price <= PRICE_LIMIT and -book.band_ticks <= price - book.mark_ticks <= book.band_ticks else 0


cdef int check_waiting(Shard shard, Intent* intent, bint is_new, Refusal* refusal) except -1:
    """Check an order that waits for its trigger or its parent, or what it would become. Return a reason or 0.

    It commits nothing yet; what it commits is checked when it runs.
    """
    cdef Book* book = shard.book(intent.book)
    cdef Account* account = &shard.accounts.slots[intent.account]
    cdef int64_t price = watched_price(book, intent.trigger_source)
    cdef bint is_whole = intent.group_kind == POSITION and intent.lots == 0
    cdef int64_t notional
    cdef int reason = OK
    intent.holding = shard.accounts.find_holding(intent.account, intent.book)
    if intent.order_type == LIMIT:
        reason = _check_grid(book, intent.price_ticks, refusal)
    if reason == OK:
        reason = _check_grid(book, intent.trigger_price_ticks, refusal)
    if reason != OK:
        return reason
    if intent.state == UNTRIGGERED:
        if price == 0 and intent.trigger_source != LAST:
            return refuse(refusal, NO_REFERENCE_PRICE, 0, 0)
        if is_reached(intent.trigger_kind, intent.side, intent.trigger_price_ticks, price):
            return refuse(refusal, TRIGGER_PRICE_PASSED, intent.trigger_price_ticks, price)
    if not is_whole:
        reason = _check_lots(book, intent, False, refusal)
        if reason != OK:
            return reason
    if intent.flags & REDUCE_ONLY:
        if intent.group_kind == POSITION and not _closes(shard, intent):
            return refuse(refusal, REDUCE_ONLY_WOULD_INCREASE, intent.lots, 0)
    else:
        notional = intent.lots * (intent.price_ticks if intent.order_type == LIMIT else intent.trigger_price_ticks)
        if notional < book.min_notional_micros:
            return refuse(refusal, NOTIONAL_TOO_SMALL, notional, book.min_notional_micros)
    if is_new:
        if account.open_orders >= shard.max_open_orders:
            return refuse(refusal, TOO_MANY_OPEN_ORDERS, account.open_orders + 1, shard.max_open_orders)
        if account.status == LINE_FROZEN:
            return refuse(refusal, ACCOUNT_FROZEN, 0, 0)
    return OK


cdef bint _closes(Shard shard, Intent* intent) noexcept:
    """Tell whether the account has a position that an order of this side reduces."""
    cdef int64_t lots = shard.accounts.holdings[intent.holding].lots if intent.holding >= 0 else 0
    return lots < 0 if intent.side == BUY else lots > 0


cdef inline bint _crosses(Intent* intent, int64_t price_ticks) noexcept:
    return price_ticks <= intent.price_ticks if intent.side == BUY else price_ticks >= intent.price_ticks


cdef int64_t certain_lots(Shard shard, Intent* intent, int64_t* value_micros) except -1:
    """Return the lots that an order is certain to find at once, as many as it wants at most, and their value.

    Its own account's orders expire, or stop it. A reduce-only order of an account that also has other orders on that
    side may shrink while those trade, so it is not counted. Of orders that cancel one another only the first is.
    """
    cdef uint8_t side = SELL if intent.side == BUY else BUY
    cdef int64_t found = 0
    cdef int64_t lots
    cdef int32_t at = shard.book(intent.book).best[side]
    cdef int32_t index
    cdef Order* order
    cdef Holding* holding
    cdef vector[int64_t] groups
    while at >= 0 and found < intent.lots and _crosses(intent, shard.books.levels[at].price_ticks):
        index = shard.books.levels[at].first
        while index >= 0 and found < intent.lots:
            order = &shard.orders.slots[index]
            holding = shard.holding_of(order)
            if holding.account == intent.account:
                if intent.flags & (STOPS_ITSELF | STOPS_BOTH):
                    return found
            elif order.flags & GROUPED and _cancels_with(shard, order, groups):
                pass
            elif not (order.flags & REDUCE_ONLY and (holding.buys if side == BUY else holding.sells) != 0):
                lots = min(<int64_t>order.remaining_lots, intent.lots - found)
                found += lots
                if value_micros != NULL:
                    value_micros[0] += lots * order.price_ticks
            index = order.next
        at = shard.books.levels[at].worse
    return found


cdef bint _cancels_with(Shard shard, Order* order, vector[int64_t]& groups) except -1:
    """Tell whether an order goes when one that was met before it trades; note its group if not."""
    cdef int64_t group_id = shard.orders.details_of(order).group_id
    cdef size_t at
    if shard.orders.details_of(order).group_kind != ONE_CANCELS_OTHER:
        return False
    for at in range(groups.size()):
        if groups[at] == group_id:
            return True
    groups.push_back(group_id)
    return False


cdef int _check_credit(
    Shard shard, Intent* intent, Holding* after, int32_t replaced, Refusal* refusal
) except -1:
    """Check the credit line (R7, R11), and fix the margin price and the loss of the order (R6)."""
    cdef Book* book = shard.book(intent.book)
    cdef Account* account = &shard.accounts.slots[intent.account]
    cdef int64_t price = shard.accounts.price_of(after)
    cdef int32_t prepaid = shard.orders.slots[replaced].prepaid_fee if replaced >= 0 else 0
    cdef int64_t loss = loss_of(
        intent.lots, intent.price_ticks, price, intent.side, taker_rate(account, book), prepaid
    )
    cdef int64_t before = shard.accounts.holdings[intent.holding].committed if intent.holding >= 0 else 0
    cdef int64_t lost = shard.accounts.holdings[intent.holding].loss if intent.holding >= 0 else 0
    cdef int64_t reach = reach_of(&shard.accounts.holdings[intent.holding]) if intent.holding >= 0 else 0
    cdef int64_t oldest
    cdef int64_t committed
    cdef int128 allowed
    intent.margin_price_ticks = price
    intent.loss_micros = loss
    if account.status == LINE_FROZEN:
        return refuse(refusal, ACCOUNT_FROZEN, 0, 0)
    if _is_pure_reduction(shard, intent, after, loss):
        return OK
    if account.status == NO_LINE:
        return refuse(refusal, NO_CREDIT_LINE, 0, 0)
    _add_lots(after, intent.side, intent.flags, intent.lots, intent.price_ticks)
    after.loss += loss
    committed = account.committed - before + shard.accounts.charge(after)
    # An account may stand above its budget, for a mark took its equity or its margin rates rose. It must not give the
    # margin that orders hold there in exchange for a loss that nothing covers. Where offsets count, a position that
    # left the counted one comes back without committing more, so the size that orders lead to must not grow either:
    # else what was closed at a loss could be opened again, and closed again.
    if committed <= account.committed and after.loss <= lost and (
        account.charge <= CHARGE_GROSS or reach_of(after) <= reach
    ):
        return OK
    if account.status == LINE_REDUCE_ONLY:
        return refuse(refusal, ACCOUNT_REDUCE_ONLY, 0, 0)
    oldest = shard.now_ns
    if account.first_uncounted_seq != 0:
        oldest = shard.time_of(account.first_uncounted_seq)
    if account.mark_time_ns != 0 and account.mark_time_ns < oldest:
        oldest = account.mark_time_ns
    if <int128>shard.now_ns - oldest > shard.credit_ttl_ns:
        return refuse(refusal, CREDIT_STALE, narrow(<int128>shard.now_ns - oldest), shard.credit_ttl_ns)
    allowed = <int128>account.budget + shard.accounts.uncounted(intent.account)
    if committed > allowed:
        # Nothing waits here: the share that another shard can spare is asked for, and the order may come again (R9).
        return refuse(
            refusal, CREDIT_ELSEWHERE if committed <= allowed + account.elsewhere else CREDIT_EXCEEDED,
            committed, narrow(allowed),
        )
    return OK


cdef int64_t committed_with(Shard shard, Intent* intent) noexcept:
    """Return what the account of an order that was checked would commit with the whole order open (R6)."""
    cdef Holding after
    shard.accounts.settle(intent.account)
    if intent.holding >= 0:
        after = shard.accounts.holdings[intent.holding]
    else:
        memset(&after, 0, sizeof(Holding))
        after.account = intent.account
        after.book = intent.book
    _add_lots(&after, intent.side, intent.flags, intent.lots, intent.price_ticks)
    after.loss += intent.loss_micros
    return shard.accounts.slots[intent.account].committed - after.committed + shard.accounts.charge(&after)


cdef bint _is_pure_reduction(Shard shard, Intent* intent, Holding* after, int64_t loss) noexcept:
    """Tell whether R7's exception holds: a reduce-only order that never rests and loses no more than it may."""
    cdef Book* book = shard.book(intent.book)
    cdef int64_t price = shard.accounts.price_of(after)
    cdef int64_t size = after.lots if after.lots >= 0 else -after.lots
    cdef int64_t same_side
    cdef int64_t released
    if not intent.flags & REDUCE_ONLY or rests(intent.time_in_force):
        return False
    same_side = after.buys + after.reduce_buys if intent.side == BUY else after.sells + after.reduce_sells
    released = (
        maintenance_of(book.margin, _bounded(size, price))
        - maintenance_of(book.margin, _bounded(size - intent.lots, price))
    )
    return same_side == 0 and shard.accounts.may_lose(intent.account, loss, released)


cdef inline int64_t _bounded(int64_t lots, int64_t price_ticks) noexcept:
    cdef int128 notional = <int128>lots * price_ticks
    return NOTIONAL_BOUND if notional > NOTIONAL_BOUND else <int64_t>notional
