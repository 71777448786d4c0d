"""Triggers: orders that wait for a price, so ordered that a new price touches only those that it fires (ORD-010).

Each book has for each source two queues: those that fire when the price comes up to their trigger price, and those that
fire when it comes down to it. A new price takes from the front of both what it has reached, in time of the number of
these and the logarithm of all. What a trade or a mark has changed is only noted then, and looked at when the command is
carried out completely.
"""

from cython.operator cimport dereference
from libc.stdint cimport int32_t, int64_t, uint8_t


cdef class Triggers:
    """Waiting orders by book, source, direction and trigger price."""

    cdef int note(self, int32_t book) except -1:
        """Remember to look at a book when the present command is done."""
        while self.is_noted.size() <= <size_t>book:
            self.is_noted.push_back(False)
        if not self.is_noted[book]:
            self.is_noted[book] = True
            self.noted.push_back(book)
        return 0

    cdef int add(self, int32_t book, uint8_t source, bint rises, int64_t price_ticks, int64_t order_id) except -1:
        """Let an order wait for a price."""
        if self.queues.size() < <size_t>(book + 1) * QUEUES_OF_A_BOOK:
            self.queues.resize((book + 1) * QUEUES_OF_A_BOOK)
        self.queues[_queue(book, source, rises)].insert(_watch(rises, price_ticks, order_id))
        return 0

    cdef int drop(self, int32_t book, uint8_t source, bint rises, int64_t price_ticks, int64_t order_id) except -1:
        """Let an order wait no more."""
        self.queues[_queue(book, source, rises)].erase(_watch(rises, price_ticks, order_id))
        self.due.erase(order_id)
        return 0

    cdef int collect(self, int32_t book, uint8_t source, int64_t price_ticks) except -1:
        """Put the orders that a price has reached among those that are due."""
        cdef ordered_set[Watch]* queue
        cdef int rises
        if self.queues.size() < <size_t>(book + 1) * QUEUES_OF_A_BOOK:
            return 0
        for rises in range(2):
            queue = &self.queues[_queue(book, source, rises)]
            while not queue.empty() and dereference(queue.begin()).first <= (price_ticks if rises else -price_ticks):
                self.due.insert(dereference(queue.begin()).second)
                queue.erase(queue.begin())
        return 0

    cdef int64_t take_due(self) except? -1:
        """Take the lowest id out of those that are due; 0 for none."""
        cdef int64_t order_id
        if self.due.empty():
            return 0
        order_id = dereference(self.due.begin())
        self.due.erase(self.due.begin())
        return order_id


cdef inline size_t _queue(int32_t book, uint8_t source, bint rises) noexcept:
    return <size_t>book * QUEUES_OF_A_BOOK + 2 * (source - 1) + rises


cdef inline Watch _watch(bint rises, int64_t price_ticks, int64_t order_id) noexcept:
    cdef Watch watch
    watch.first = price_ticks if rises else -price_ticks
    watch.second = order_id
    return watch
