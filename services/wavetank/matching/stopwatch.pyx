"""A stopwatch beside the engine: what each command of a batch takes inside it, and what its slabs hold.

It stands outside the core, which reads no clock. A reading of the clock falls between any two commands, so each figure
holds the cost of one reading, which is told with them.
"""

from libc.stdint cimport int32_t, int64_t
from libcpp.vector cimport vector
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from wavetank.matching.core.engine cimport Engine
from wavetank.matching.core.lookahead cimport Outlook, begin_outlook, look_ahead
from wavetank.matching.core.plain cimport carry_out_run
from wavetank.matching.core.records cimport Command, Result


cdef int64_t _read_ns() noexcept:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t>now.tv_sec * 1_000_000_000 + now.tv_nsec


def clock_cost_ns(Py_ssize_t readings):
    """Return what one reading of the clock takes, the average of many."""
    cdef int64_t began = _read_ns()
    cdef Py_ssize_t _reading
    for _reading in range(readings):
        _read_ns()
    return (_read_ns() - began) // readings


def order_bytes(Engine engine):
    """Return the bytes in use by everything that grows with the orders that rest: orders, id tables, levels, prices."""
    return engine.state.orders.held_bytes() + engine.state.books.held_bytes()


def time_commands(Engine engine, int64_t now_ns, bytes commands, Py_ssize_t count):
    """Apply packed commands as `Engine.apply_commands` does; return the nanoseconds each took, packed as int64.

    The events are forgotten. A command that takes others behind it along has their time, and they have none.

    Raises:
        ValueError: the bytes are not `count` commands.

    """
    cdef vector[int64_t] taken
    cdef vector[Result] results
    cdef vector[int32_t] ends
    cdef Outlook outlook
    cdef Command* first = <Command*><char*>commands
    cdef Py_ssize_t index = 0
    cdef Py_ssize_t step
    cdef int64_t before, after
    if len(commands) != count * <Py_ssize_t>sizeof(Command):
        raise ValueError(f"{len(commands)} bytes are not {count} commands of {sizeof(Command)}")
    if count == 0:
        return b""
    taken.resize(count)
    results.resize(count)
    ends.resize(count)
    begin_outlook(&outlook)
    engine.state.enter(now_ns, engine.state.journal.next_seq)
    before = _read_ns()
    while index < count:
        look_ahead(engine.state, &outlook, first, index, count)
        step = 1
        if carry_out_run(engine.state, &outlook, first, index, index + 1, results.data(), ends.data()) == index:
            step = engine.handle(first + index, count - index, &results[index])
        after = _read_ns()
        taken[index] = after - before
        before = after
        index += step
    engine.state.journal.take()
    return (<char*>taken.data())[: count * <Py_ssize_t>sizeof(int64_t)]
