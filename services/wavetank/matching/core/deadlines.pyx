"""Deadlines: orders expire and dead-man switches fire before the first input at or after their time (ORD-010, ORD-020).

Time passes only with inputs, so an order ends at the same place among the events whenever the log is read again. What
is due fires whatever the instrument's state and the gate are.
"""

from libc.stdint cimport int32_t, int64_t

from wavetank.matching.core.acceptance cimport Refusal, refuse
from wavetank.matching.core.cancellation cimport cancel_account
from wavetank.matching.core.matching cimport cancel
from wavetank.matching.core.placement cimport reject
from wavetank.matching.core.records cimport DEAD_MAN_MOVED, DeadManMoved
from wavetank.matching.core.timers cimport ORDER_EXPIRY, Subject
from wavetank.matching.core.words cimport BY_DEAD_MAN, BY_EXPIRED, TIMEOUT_OUT_OF_RANGE

cdef int64_t MILLISECOND_NS = 1_000_000
cdef int64_t SHORTEST_MS = 1_000
cdef int64_t LONGEST_MS = 86_400_000


cdef int fire(Shard shard) except -1:
    """Carry out what is due now, soonest first."""
    cdef Subject subject
    cdef int32_t account
    while 0 < shard.timers.first_ns() <= shard.now_ns:
        subject = shard.timers.take_first()
        if subject.first == ORDER_EXPIRY:
            cancel(shard, shard.orders.find(subject.second), BY_EXPIRED)
        else:
            account = shard.accounts.find(subject.second)
            _move(shard, account, 0, True)
            cancel_account(shard, account, BY_DEAD_MAN)
    return 0


cdef int cancel_all_after(Shard shard, Command* command, Result* result) except -1:
    """Arm, renew or (0) disarm an account's dead-man switch."""
    cdef int64_t timeout_ns = command.expire_time_ns
    cdef int32_t account = shard.accounts.find(command.account_id)
    cdef Refusal refusal
    if timeout_ns == 0:
        # A switch that is off stays so without a word.
        if account >= 0 and shard.accounts.slots[account].dead_man_ns:
            _move(shard, account, 0, False)
        return 0
    if timeout_ns < SHORTEST_MS * MILLISECOND_NS or timeout_ns > LONGEST_MS * MILLISECOND_NS:
        refuse(
            &refusal, TIMEOUT_OUT_OF_RANGE, timeout_ns // MILLISECOND_NS,
            SHORTEST_MS if timeout_ns < SHORTEST_MS * MILLISECOND_NS else LONGEST_MS,
        )
        return reject(shard, command, result, &refusal)
    return _move(shard, shard.accounts.ensure(command.account_id), shard.now_ns + timeout_ns, False)


cdef int _move(Shard shard, int32_t account, int64_t deadline_ns, bint fired) except -1:
    cdef DeadManMoved* event = <DeadManMoved*>shard.journal.write(
        DEAD_MAN_MOVED, 0, shard.accounts.slots[account].account_id
    )
    event.deadline_ns = deadline_ns
    event.fired = fired
    return shard.set_dead_man(account, deadline_ns)
