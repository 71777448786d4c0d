"""C surface of `acceptance`: every check that an order passes before it is accepted."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t

from wavetank.matching.core.book cimport Book
from wavetank.matching.core.records cimport Command
from wavetank.matching.core.shard cimport Intent, Shard
from wavetank.model.money cimport int128

cdef struct Refusal:
    uint16_t reason
    int64_t was
    int64_t allowed

cdef enum:
    # In place of the index of an order that is replaced: a new one, one whose trigger has fired, and such a one that
    # closes a whole position, whatever its size.
    NEW = -1
    FIRED = -2
    FIRED_WHOLE = -3

cdef struct Role:
    # What a PLACE is part of.
    uint8_t in_mass_quote
    # Of a group: its kind, the member's number, and the first member.
    uint8_t group_kind
    int32_t number
    Command* first

cdef int refuse(Refusal* refusal, uint16_t reason, int64_t was, int64_t allowed) noexcept
cdef int64_t narrow(int128 wide) noexcept
cdef int accept(Shard shard, Command* command, Role* role, Intent* intent, Refusal* refusal) except -1
cdef int check(Shard shard, Intent* intent, int32_t replaced, Refusal* refusal) except -1
cdef int check_waiting(Shard shard, Intent* intent, bint is_new, Refusal* refusal) except -1
cdef int64_t market_limit(Book* book, uint8_t side, int64_t cap_ppm) noexcept
cdef int64_t certain_lots(Shard shard, Intent* intent, int64_t* value_micros) except -1
cdef int64_t committed_with(Shard shard, Intent* intent) noexcept
