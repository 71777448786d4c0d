"""The virtual clock: what happens next, and when.

It exists so that a simulated hour takes seconds: time jumps from one happening to the next. Kept true: time never
goes back; of two happenings at one time the one that was scheduled first comes first, so a run is one sequence. Places
in that order can be reserved: what is scheduled into one later comes where it would have come, had it been known.
"""

from libc.stdint cimport int64_t
from libcpp.algorithm cimport make_heap, pop_heap, push_heap
from libcpp.vector cimport vector


cdef bint _comes_later(const Happening& left, const Happening& right) noexcept nogil:
    if left.time_ns != right.time_ns:
        return left.time_ns > right.time_ns
    return left.place > right.place


cdef class Schedule:
    """Happenings in order of time; `now_ns` is the venue's time."""

    def __init__(self, int64_t start_ns):
        """Begin at a venue time, with nothing to come."""
        self.now_ns = start_ns
        self._count = 0
        self._calls = []

    def at(self, int64_t time_ns, call, *args):
        """Have something happen at a time; what lies in the past happens now, behind what was to happen now."""
        self.put(time_ns, call, args)

    def reserve(self, int64_t count):
        """Return places in the order of scheduling, kept free for what is scheduled later."""
        places = range(self._count + 1, self._count + 1 + count)
        self._count += count
        return places

    def at_place(self, int64_t place, int64_t time_ns, call, *args):
        """Have something happen at a time as if it had been scheduled when its place was reserved.

        Args:
            place: a reserved one that nothing waits in.
            time_ns: when; not before now.
            call: what happens.
            args: with what.

        """
        assert time_ns >= self.now_ns, f"what was to happen at {time_ns} comes too late at {self.now_ns}"
        self._add(time_ns, place, call, args)

    def withdraw(self, places):
        """Let nothing happen of what waits in reserved places."""
        cdef vector[Happening] left
        cdef Happening each
        withdrawn = []
        for each in self._heap:
            if each.place in places:
                # Kept until the heap is whole again: what goes with it may schedule something.
                withdrawn.append(self._take_call(each.slot))
            else:
                left.push_back(each)
        make_heap(left.begin(), left.end(), &_comes_later)
        self._heap.swap(left)

    def run_until(self, int64_t end_ns):
        """Let happen all that comes up to and at a time, which is now then."""
        cdef Happening coming
        while not self._heap.empty() and self._heap.front().time_ns <= end_ns:
            coming = self._heap.front()
            pop_heap(self._heap.begin(), self._heap.end(), &_comes_later)
            self._heap.pop_back()
            self.now_ns = coming.time_ns
            call, args = self._take_call(coming.slot)
            call(*args)
        self.now_ns = max(<int64_t>self.now_ns, end_ns)

    cdef int put(self, int64_t time_ns, call, tuple args) except -1:
        """Have something happen, as `at` does."""
        self._count += 1
        return self._add(max(<int64_t>self.now_ns, time_ns), self._count, call, args)

    cdef int _add(self, int64_t time_ns, int64_t place, call, tuple args) except -1:
        cdef Happening coming
        coming.time_ns, coming.place = time_ns, place
        if self._free.empty():
            coming.slot = len(self._calls)
            self._calls.append((call, args))
        else:
            coming.slot = self._free.back()
            self._free.pop_back()
            self._calls[coming.slot] = (call, args)
        self._heap.push_back(coming)
        push_heap(self._heap.begin(), self._heap.end(), &_comes_later)
        return 0

    cdef tuple _take_call(self, Py_ssize_t slot):
        cdef tuple call = self._calls[slot]
        self._calls[slot] = None
        self._free.push_back(slot)
        return call
