"""Batches: groups of orders, and commands, that are accepted together or not at all (ORD-020, ORD-040).

Each command is tried beside those before it, while nothing trades. If one is refused, nothing happens. Otherwise all
are carried out in order; what the trades of one leave no room for is accepted and cancelled at once, or refused.
"""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset
from libcpp.vector cimport vector

from wavetank.matching.core.acceptance cimport Refusal, Role, accept, refuse
from wavetank.matching.core.amendment cimport Amendment, amend, propose_amendment
from wavetank.matching.core.cancellation cimport cancel_one, find_cancelled
from wavetank.matching.core.matching cimport cancel_refused
from wavetank.matching.core.overlay cimport Overlay
from wavetank.matching.core.placement cimport (
    admit,
    answer_again,
    find_placed,
    is_same_body,
    refuse_head,
    reject,
    run,
)
from wavetank.matching.core.shard cimport Intent
from wavetank.matching.core.words cimport (
    AMEND,
    BATCH_REFUSED,
    BY_OVERTAKEN,
    CANCEL,
    CANCELLED,
    CLIENT_ORDER_ID_REUSED,
    FILLED,
    LIMIT,
    MALFORMED,
    OK,
    ONE_CANCELS_OTHER,
    OPEN,
    PARENT,
    PLACE,
    POSITION,
    WAITING,
)

cdef enum:
    MOST_IN_ATOMIC = 100


cdef int _refuse_all(Shard shard, Command* head, Result* results, int offender, Refusal* refusal) except -1:
    """Refuse a whole batch because of one command in it, which alone gets the reason."""
    cdef Refusal other
    cdef int at
    refuse(&other, BATCH_REFUSED, offender, 0)
    results.reason = BATCH_REFUSED
    results.was = offender
    results.order_id = head.order_id
    results.client_id = head.client_id
    for at in range(head.count):
        reject(shard, head + 1 + at, results + 1 + at, refusal if at == offender else &other)
    return 0


# Atomic batches


cdef int atomic(Shard shard, Command* head, Result* results) except -1:
    """Carry out an ATOMIC, whose commands stand right behind it; fill in the results of all."""
    cdef Refusal refusal
    cdef Overlay trial
    cdef int at = 0
    if not _is_atomic(head):
        refuse(&refusal, MALFORMED, 0, 0)
        return refuse_head(shard, head, results, &refusal)
    trial = Overlay(shard)
    while at < head.count and _try(shard, trial, head + 1 + at, &refusal) == OK:
        at += 1
    trial.undo()
    if at < head.count:
        return _refuse_all(shard, head, results, at, &refusal)
    for at in range(head.count):
        if head[1 + at].kind == PLACE:
            _place(shard, head + 1 + at, results + 1 + at)
        elif head[1 + at].kind == CANCEL:
            cancel_one(shard, head + 1 + at, results + 1 + at)
        else:
            amend(shard, head + 1 + at, results + 1 + at)
    return 0


cdef bint _is_atomic(Command* head) noexcept:
    cdef int at
    if not 1 <= head.count <= MOST_IN_ATOMIC:
        return False
    for at in range(1, head.count + 1):
        if head[at].kind != PLACE and head[at].kind != CANCEL and head[at].kind != AMEND:
            return False
        if head[at].account_id != head[1].account_id:
            return False
    return True


cdef int _try(Shard shard, Overlay trial, Command* command, Refusal* refusal) except -1:
    """Check one command beside those tried before it. Return a reason or 0."""
    cdef Intent intent
    cdef Amendment amendment
    cdef int32_t index
    if command.kind == PLACE:
        index = find_placed(shard, command)
        if index >= 0:
            if is_same_body(shard, command, &shard.orders.slots[index]):
                return OK
            return _refuse_reused(shard, trial, index, refusal)
        if accept(shard, command, NULL, &intent, refusal) != OK:
            return refusal.reason
        return trial.place(&intent)
    if command.kind == CANCEL:
        index = find_cancelled(shard, command, refusal)
        return trial.end(index) if index >= 0 else refusal.reason
    if propose_amendment(shard, command, &amendment, refusal) != OK:
        return refusal.reason
    return trial.change(&amendment)


cdef int _refuse_reused(Shard shard, Overlay trial, int32_t index, Refusal* refusal) noexcept:
    cdef int64_t order_id = 0 if trial.is_drafted(index) else shard.orders.slots[index].order_id
    return refuse(refusal, CLIENT_ORDER_ID_REUSED, order_id, 0)


cdef int _place(Shard shard, Command* command, Result* result) except -1:
    """Place an order of a batch; one that earlier trades of it left no room for ends at once."""
    cdef Refusal refusal
    cdef Intent intent
    cdef int32_t index = find_placed(shard, command)
    if index >= 0:
        return answer_again(shard, command, index, result)
    if accept(shard, command, NULL, &intent, &refusal) == OK:
        return run(shard, admit(shard, &intent), result)
    # Its body was read before it was refused, for it passed the trial.
    if intent.order_type == LIMIT:
        intent.price_ticks = intent.asked_price_ticks
    intent.loss_micros = intent.margin_price_ticks = 0
    if intent.state == OPEN:
        # It never runs, so it commits nothing.
        intent.state = WAITING
    index = admit(shard, &intent)
    result.order_id = shard.orders.slots[index].order_id
    result.client_id = command.client_id
    result.remaining_lots = intent.lots
    result.state = CANCELLED
    return cancel_refused(shard, index, BY_OVERTAKEN, refusal.reason)


# Groups


cdef int place_group(Shard shard, Command* head, Result* results) except -1:
    """Carry out a PLACE_GROUP, whose orders stand right behind it; fill in the results of all."""
    cdef Refusal refusal
    cdef vector[Intent] intents
    cdef vector[int32_t] placed
    cdef Overlay trial
    cdef int at = 0
    if not _is_group(head):
        refuse(&refusal, MALFORMED, 0, 0)
        return refuse_head(shard, head, results, &refusal)
    if _is_repeated(shard, head):
        results.repeated = True
        for at in range(head.count):
            answer_again(shard, head + 1 + at, find_placed(shard, head + 1 + at), results + 1 + at)
        return 0
    trial = Overlay(shard)
    while at < head.count and _try_member(shard, trial, head, at, intents, &refusal) == OK:
        at += 1
    trial.undo()
    if at < head.count:
        return _refuse_all(shard, head, results, at, &refusal)
    for at in range(head.count):
        placed.push_back(admit(shard, &intents[at]))
    for at in range(head.count):
        _run_member(shard, placed[at], &intents[at], intents[0].group_id + at, results + 1 + at)
    for at in range(head.count):
        _answer_member(shard, results + 1 + at)
    return 0


cdef bint _is_group(Command* head) noexcept:
    cdef int at
    if head.group_kind == ONE_CANCELS_OTHER:
        if not 2 <= head.count <= 8:
            return False
    elif head.group_kind == PARENT:
        if not 2 <= head.count <= 3:
            return False
    elif head.group_kind != POSITION or not 1 <= head.count <= 2:
        return False
    for at in range(1, head.count + 1):
        if (
            head[at].kind != PLACE
            or head[at].account_id != head[1].account_id
            or head[at].instrument_id != head[1].instrument_id
        ):
            return False
    return True


cdef bint _is_repeated(Shard shard, Command* head) noexcept:
    """Tell whether all orders of a group are known, with the bodies that are asked for now."""
    cdef int32_t index
    cdef int at
    for at in range(1, head.count + 1):
        index = find_placed(shard, head + at)
        if index < 0 or not is_same_body(shard, head + at, &shard.orders.slots[index]):
            return False
    return True


cdef int _try_member(
    Shard shard, Overlay trial, Command* head, int number, vector[Intent]& intents, Refusal* refusal
) except -1:
    """Check one order of a group beside those before it. Return a reason or 0."""
    cdef Role role
    cdef Intent intent
    cdef int32_t index = find_placed(shard, head + 1 + number)
    cdef int reason
    if index >= 0:
        return _refuse_reused(shard, trial, index, refusal)
    memset(&role, 0, sizeof(Role))
    role.group_kind = head.group_kind
    role.number = number
    role.first = head + 1
    reason = accept(shard, head + 1 + number, &role, &intent, refusal)
    if reason != OK:
        return reason
    # Ids follow one another from here on, in the trial and behind it.
    intent.group_id = shard.id_of(trial.order_counter + 1)
    intents.push_back(intent)
    trial.place(&intent)
    return OK


cdef int _run_member(Shard shard, int32_t index, Intent* intent, int64_t order_id, Result* result) except -1:
    """Let a member run, unless an earlier one has ended it."""
    if shard.orders.find(order_id) == index:
        return run(shard, index, result)
    result.order_id = order_id
    result.client_id = intent.client_id
    result.remaining_lots = intent.lots
    result.state = CANCELLED
    return 0


cdef int _answer_member(Shard shard, Result* result) except -1:
    """Answer a member as it stands behind the whole group."""
    cdef int32_t index = shard.orders.find(result.order_id)
    if index >= 0:
        result.state = shard.orders.slots[index].state
        result.remaining_lots = shard.orders.slots[index].remaining_lots
    elif result.state != FILLED:
        result.state = CANCELLED
    return 0
