"""Overlay: orders are accepted, ended and changed in a shard for a trial, and everything is taken back.

A batch that is accepted whole or not at all is tried first: each command is checked beside those before it. The trial
changes the shard itself, by the transitions that it knows anyway, so that every check sees what it would see, and notes
each step; taken back in reverse, nothing of it stays. What is placed for trial stands in no queue, so nothing trades
and no post-only order is in another's way.
"""

from libc.stdint cimport int32_t, int64_t

from wavetank.matching.core.groups cimport MOST_MEMBERS, Membership, group_of, is_parent
from wavetank.matching.core.orders cimport ICEBERG
from wavetank.matching.core.words cimport CANCELLED, OPEN


cdef class Overlay:
    """A trial on a shard; `undo` ends it.

    Args:
        shard: where it takes place.

    """

    def __cinit__(self, Shard shard):
        self.shard = shard
        self.order_counter = shard.order_counter
        self.running = shard.running
        self.track_levels = shard.books.track_levels
        # Taken back, no level will have changed.
        shard.books.track_levels = False

    cdef bint is_drafted(self, int32_t index) noexcept:
        """Tell whether an order was placed in this trial."""
        return self.shard.orders.slots[index].order_id > self.shard.id_of(self.order_counter)

    cdef int _note(self, int32_t index, uint8_t kind) except -1:
        cdef Step step
        step.before = self.shard.orders.slots[index]
        step.index = index
        step.kind = kind
        if step.before.details >= 0:
            step.details = self.shard.orders.details[step.before.details]
        self.steps.push_back(step)
        return 0

    cdef int place(self, Intent* intent) except -1:
        """Accept an order; it commits, and rests nowhere."""
        self.shard.order_counter += 1
        return self._note(self.shard.admit(intent, self.shard.id_of(self.shard.order_counter)), PLACED)

    cdef int end(self, int32_t index) except -1:
        """End an order, and with a parent its children."""
        cdef Shard shard = self.shard
        cdef Order* order = &shard.orders.slots[index]
        cdef Membership of = group_of(shard, order)
        cdef int32_t child
        cdef int number
        self._note(index, ENDED)
        if order.level >= 0:
            shard.books.remove(index)
        shard.release(index)
        shard.account_of(order).open_orders -= 1
        if order.state == OPEN:
            shard.holding_of(order).open_orders -= 1
        order.state = CANCELLED
        if of.group_id and is_parent(&of):
            for number in range(1, MOST_MEMBERS):
                child = shard.orders.find(of.group_id + number)
                if child >= 0 and group_of(shard, &shard.orders.slots[child]).group_id == of.group_id:
                    self.end(child)
        return 0

    cdef int change(self, Amendment* amendment) except -1:
        """Give an order what an amendment gives it; one that loses its place stands in no queue."""
        cdef Shard shard = self.shard
        cdef int32_t index = amendment.index
        cdef Order* order = &shard.orders.slots[index]
        self._note(index, CHANGED)
        shard.release(index)
        if amendment.in_turn and order.level >= 0:
            shard.books.remove(index)
        if order.level < 0:
            order.price_ticks = <int32_t>amendment.intent.price_ticks
            order.remaining_lots = <int32_t>amendment.intent.lots
        elif order.flags & ICEBERG:
            shard.books.shrink_iceberg(order, order.remaining_lots - amendment.intent.lots)
        else:
            shard.books.take_lots(order, order.remaining_lots - amendment.intent.lots)
        if amendment.in_turn:
            order.margin_price_ticks = <int32_t>amendment.intent.margin_price_ticks
        if order.state != OPEN:
            shard.orders.details_of(order).trigger_price_ticks = <int32_t>amendment.intent.trigger_price_ticks
        shard.expose(index)
        return 0

    cdef int undo(self) except -1:
        """Take everything back, the last step first."""
        cdef Step step
        while not self.steps.empty():
            step = self.steps.back()
            self.steps.pop_back()
            if step.kind == PLACED:
                self.shard.withdraw(step.index)
            elif step.kind == ENDED:
                self._undo_end(&step)
            else:
                self._undo_change(&step)
        self.shard.order_counter = self.order_counter
        self.shard.running = self.running
        self.shard.books.track_levels = self.track_levels
        return 0

    cdef int _undo_end(self, Step* step) except -1:
        cdef Order* order = &self.shard.orders.slots[step.index]
        order.state = step.before.state
        self.shard.account_of(order).open_orders += 1
        if order.state == OPEN:
            self.shard.holding_of(order).open_orders += 1
        self.shard.expose(step.index)
        if step.before.level >= 0:
            self.shard.books.put_back(step.index, step.before.previous, step.before.next)
        return 0

    cdef int _undo_change(self, Step* step) except -1:
        cdef Shard shard = self.shard
        cdef Order* order = &shard.orders.slots[step.index]
        cdef int64_t visible = shard.orders.visible_lots(order)
        shard.release(step.index)
        order.price_ticks = step.before.price_ticks
        order.remaining_lots = step.before.remaining_lots
        order.margin_price_ticks = step.before.margin_price_ticks
        if order.details >= 0:
            shard.orders.details[order.details] = step.details
        shard.expose(step.index)
        if order.level >= 0:
            shard.books.levels[order.level].total_lots += shard.orders.visible_lots(order) - visible
        elif step.before.level >= 0:
            shard.books.put_back(step.index, step.before.previous, step.before.next)
        return 0
