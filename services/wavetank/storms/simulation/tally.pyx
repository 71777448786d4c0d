"""Positions as a shard's log says: counted record by record, apart from what the cores count for themselves.

It exists because every entry is counted, and most of a simulation's records are trades. Kept true: nothing is taken
from a core; what the log has told stands in one count at once, and in a second one when clearing has come as far.
"""

from cython.operator cimport dereference
from libc.stdint cimport int32_t, int64_t
from libcpp.map cimport map as cpp_map
from libcpp.set cimport set as cpp_set

from wavetank.matching.core.records cimport (
    POSITION_TRANSFERRED,
    RECORD_BYTES,
    TRADED,
    PositionTransferred,
    Traded,
)
from wavetank.matching.core.words cimport BUY


cdef class Tally:
    """Counts the log of one shard from its beginning."""

    def count(self, bytes records, int64_t first_seq):
        """Count an entry; return who holds what now of those whose position moved: account, instrument, lots.

        Args:
            records: one behind the other.
            first_seq: seq of the first.

        """
        cdef const char* first = records
        cdef Py_ssize_t at
        cdef const Traded* trade
        cdef const PositionTransferred* transfer
        cdef cpp_set[Holding] touched
        cdef int64_t lots
        for at in range(len(records) // RECORD_BYTES):
            trade = <const Traded*>(first + at * RECORD_BYTES)
            if trade.kind == TRADED:
                lots = trade.size_lots if trade.taker_side == BUY else -trade.size_lots
                self._move(first_seq + at, trade.account_id, trade.instrument_id, lots, &touched)
                self._move(first_seq + at, trade.maker_account_id, trade.instrument_id, -lots, &touched)
            elif trade.kind == POSITION_TRANSFERRED:
                transfer = <const PositionTransferred*>trade
                lots = transfer.giver_delta_lots
                self._move(first_seq + at, transfer.account_id, transfer.instrument_id, lots, &touched)
                self._move(first_seq + at, transfer.receiver_account_id, transfer.instrument_id, -lots, &touched)
        return _listed(&self._told, &touched)

    def settle(self, int64_t seq):
        """Count a second time what moved up to a seq; return who holds what by it, as `count` does."""
        cdef cpp_set[Holding] touched
        cdef Holding holding
        while not self._moves.empty() and self._moves.front().seq <= seq:
            holding = Holding(self._moves.front().account_id, self._moves.front().instrument_id)
            self._settled[holding] += self._moves.front().lots
            touched.insert(holding)
            self._moves.pop_front()
        return _listed(&self._settled, &touched)

    cdef int _move(
        self, int64_t seq, int64_t account_id, int32_t instrument_id, int64_t lots, cpp_set[Holding]* touched
    ) except -1:
        cdef Holding holding = Holding(account_id, instrument_id)
        self._told[holding] += lots
        self._moves.push_back(Move(seq, account_id, instrument_id, lots))
        touched.insert(holding)
        return 0


cdef list _listed(cpp_map[Holding, int64_t]* held, cpp_set[Holding]* touched):
    cdef Holding holding
    return [(holding.first, holding.second, dereference(held)[holding]) for holding in dereference(touched)]
