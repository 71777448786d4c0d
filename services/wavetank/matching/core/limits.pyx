"""Limits of an account's own: lots and exposure in an instrument, net and gross in a correlation group (MRGN-070).

They come with the credit line and are checked here, where an order is accepted, so that nothing that rests can lead
beyond them in whatever order it fills. Notional is at the margin price, which a line freezes; so a mark that moves may
bring an account beyond a limit. Then whatever makes it no worse is let through, and what only closes a position always.
"""

from libc.stdint cimport INT64_MAX, int32_t, int64_t
from libc.string cimport memset

from wavetank.matching.core.acceptance cimport narrow, refuse
from wavetank.matching.core.accounts cimport AccountLimits, GroupLimit, PositionLimit
from wavetank.matching.core.words cimport (
    BUY,
    EXPOSURE_TOO_LARGE,
    GROUP_GROSS_TOO_LARGE,
    GROUP_NET_TOO_LARGE,
    OK,
    REDUCE_ONLY,
)
from wavetank.model.money cimport int128

cdef struct Reach:
    # What a group's legs can come to if all buys fill, if all sells fill, and leg by leg at its worst; micro-dollars.
    int128 up
    int128 down
    int128 gross


cdef int64_t most_lots(Shard shard, Intent* intent) noexcept:
    """Return the lots that an account with limits may have of an order's instrument, on either side."""
    cdef PositionLimit* limit = _position_limit(shard, intent)
    return limit.size_lots if limit != NULL and limit.size_lots else INT64_MAX


cdef int check_exposure(Shard shard, Intent* intent, Holding* after, int64_t reach, Refusal* refusal) noexcept:
    """Check what an order of an account with limits could lead to. Return a reason or 0.

    Args:
        shard: where it is placed.
        intent: the order.
        after: the account's holding in its instrument, without the order and without the one that it replaces.
        reach: the largest position that it could lead to on its side, in lots.
        refusal: what to say.

    """
    cdef PositionLimit* limit = _position_limit(shard, intent)
    cdef AccountLimits* limits = &shard.accounts.limits[intent.account]
    cdef int128 exposure = <int128>reach * shard.accounts.price_of(after)
    cdef int32_t instrument_id = shard.book(intent.book).instrument_id
    cdef size_t at
    if limit != NULL and limit.exposure_micros and exposure > limit.exposure_micros:
        return refuse(refusal, EXPOSURE_TOO_LARGE, narrow(exposure), limit.exposure_micros)
    # What only closes is never kept from it, though a hedge that is gone may leave more net.
    if intent.flags & REDUCE_ONLY and (after.buys if intent.side == BUY else after.sells) == 0:
        return OK
    for at in range(limits.members.size()):
        if limits.members[at].instrument_id == instrument_id:
            return _check_group(shard, intent, after, limits, limits.members[at].group, refusal)
    return OK


cdef PositionLimit* _position_limit(Shard shard, Intent* intent) noexcept:
    cdef AccountLimits* limits = &shard.accounts.limits[intent.account]
    cdef int32_t instrument_id = shard.book(intent.book).instrument_id
    cdef size_t at
    for at in range(limits.positions.size()):
        if limits.positions[at].instrument_id == instrument_id:
            return &limits.positions[at]
    return NULL


cdef int _check_group(
    Shard shard, Intent* intent, Holding* after, AccountLimits* limits, int32_t group, Refusal* refusal
) noexcept:
    cdef GroupLimit* limit = &limits.groups[group]
    cdef int128 elsewhere = <int128>limit.elsewhere_long_micros - limit.elsewhere_short_micros
    cdef int128 elsewhere_gross = <int128>limit.elsewhere_long_micros + limit.elsewhere_short_micros
    cdef Holding ordered = after[0]
    cdef Reach present, proposed
    cdef int128 net, gross
    cdef int32_t book, index
    cdef size_t at
    if intent.side == BUY:
        ordered.buys += intent.lots
    else:
        ordered.sells += intent.lots
    memset(&present, 0, sizeof(Reach))
    memset(&proposed, 0, sizeof(Reach))
    for at in range(limits.members.size()):
        book = shard.books.find(limits.members[at].instrument_id)
        if limits.members[at].group != group or book < 0:
            continue
        index = shard.accounts.find_holding(intent.account, book)
        if index >= 0:
            _add(shard, &present, &shard.accounts.holdings[index])
        if book == intent.book:
            _add(shard, &proposed, &ordered)
        elif index >= 0:
            _add(shard, &proposed, &shard.accounts.holdings[index])
    net = _net(&proposed, elsewhere)
    if limit.net_micros and net > limit.net_micros and net > _net(&present, elsewhere):
        return refuse(refusal, GROUP_NET_TOO_LARGE, narrow(net), limit.net_micros)
    gross = proposed.gross + elsewhere_gross
    if limit.gross_micros and gross > limit.gross_micros and proposed.gross > present.gross:
        return refuse(refusal, GROUP_GROSS_TOO_LARGE, narrow(gross), limit.gross_micros)
    return OK


cdef void _add(Shard shard, Reach* reach, Holding* holding) noexcept:
    """Add what a leg can come to."""
    cdef int64_t price = shard.accounts.price_of(holding)
    cdef int128 up = <int128>(holding.lots + holding.buys + holding.reduce_buys) * price
    cdef int128 down = <int128>(holding.lots - holding.sells - holding.reduce_sells) * price
    reach.up += up
    reach.down += down
    reach.gross += max(_size(up), _size(down))


cdef int128 _net(Reach* reach, int128 elsewhere) noexcept:
    return max(_size(reach.up + elsewhere), _size(reach.down + elsewhere))


cdef inline int128 _size(int128 signed) noexcept:
    return signed if signed >= 0 else -signed
