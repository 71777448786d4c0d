"""Scores of the policies, and candidates in the order of them: exact, and fast enough for a hundred thousand.

A score is a quotient of products of two amounts, so 128 bits hold its parts, and two scores are compared by
cross-multiplication in 256. Kept true: nothing is rounded; ties go to the lower account id.
"""

from cpython.tuple cimport PyTuple_GET_ITEM
from libc.stdint cimport int64_t
from libcpp.vector cimport vector

from wavetank.model.money cimport int128

cdef extern from *:
    """
    #include <algorithm>
    #include <vector>

    typedef unsigned __int128 wavetank_uint128;

    struct wavetank_score {
        wavetank_int128 above;
        wavetank_uint128 below;
        long long account_id;
        int index;
    };

    // The product of two 128-bit numbers, high and low half.
    static inline void wavetank_multiply(
        wavetank_uint128 a, wavetank_uint128 b, wavetank_uint128* high, wavetank_uint128* low
    ) {
        const wavetank_uint128 mask = ~0ULL;
        wavetank_uint128 a0 = a & mask, a1 = a >> 64, b0 = b & mask, b1 = b >> 64;
        wavetank_uint128 low_part = a0 * b0, middle = a1 * b0 + (low_part >> 64);
        wavetank_uint128 other = a0 * b1 + (middle & mask);
        *low = (other << 64) | (low_part & mask);
        *high = a1 * b1 + (middle >> 64) + (other >> 64);
    }

    // Whether |a.above| / a.below is larger than |b.above| / b.below: 1, as large: 0, smaller: -1.
    static inline int wavetank_compare(const wavetank_score& a, const wavetank_score& b) {
        wavetank_uint128 a_above = a.above < 0 ? -(wavetank_uint128)a.above : (wavetank_uint128)a.above;
        wavetank_uint128 b_above = b.above < 0 ? -(wavetank_uint128)b.above : (wavetank_uint128)b.above;
        wavetank_uint128 a_high, a_low, b_high, b_low;
        wavetank_multiply(a_above, b.below, &a_high, &a_low);
        wavetank_multiply(b_above, a.below, &b_high, &b_low);
        if (a_high != b_high) return a_high > b_high ? 1 : -1;
        return a_low == b_low ? 0 : a_low > b_low ? 1 : -1;
    }

    static inline bool wavetank_stands_before(const wavetank_score* first, const wavetank_score* second) {
        const wavetank_score &a = *first, &b = *second;
        if ((a.above < 0) != (b.above < 0)) return b.above < 0;
        int order = wavetank_compare(a, b);
        if (a.above < 0) order = -order;
        return order ? order > 0 : a.account_id < b.account_id;
    }

    static inline void wavetank_sort(const std::vector<wavetank_score>& scores, std::vector<int>& order) {
        std::vector<const wavetank_score*> sorted;
        sorted.reserve(scores.size());
        for (const wavetank_score& score : scores) sorted.push_back(&score);
        std::sort(sorted.begin(), sorted.end(), wavetank_stands_before);
        order.reserve(sorted.size());
        for (const wavetank_score* score : sorted) order.push_back(score->index);
    }
    """
    ctypedef int128 uint128 "wavetank_uint128"
    cdef cppclass Scored "wavetank_score":
        int128 above
        uint128 below
        long long account_id
        int index
    void sort_scores "wavetank_sort"(const vector[Scored]& scores, vector[int]& order) noexcept

cdef enum:
    # Numbers of `AdlPolicyKind`.
    HYPERLIQUID = 1
    BITMEX = 2
    PRO_RATA = 3
    MIN_MAX_LEVERAGE = 4


cdef Scored scored(int kind, candidate) except *:
    """Return a candidate's score by a policy; the formulas stand in the policies."""
    cdef Scored score
    if not isinstance(candidate, tuple):
        raise TypeError("a candidate is a named tuple")
    cdef int64_t lots = <object>PyTuple_GET_ITEM(candidate, 1), cost = <object>PyTuple_GET_ITEM(candidate, 2)
    cdef int64_t mark = <object>PyTuple_GET_ITEM(candidate, 3), equity = <object>PyTuple_GET_ITEM(candidate, 4)
    cdef int128 size = lots if lots > 0 else -lots
    cdef int128 notional = size * mark
    cdef int128 entry = cost if cost > 0 else -cost
    cdef int128 gain = <int128>lots * mark - cost
    if entry < 1:
        entry = 1
    score.account_id = <object>PyTuple_GET_ITEM(candidate, 0)
    if kind == HYPERLIQUID:
        if lots > 0:
            score.above, score.below = notional * notional, <uint128>(entry * equity)
        else:
            score.above, score.below = entry, <uint128>equity
    elif kind == BITMEX:
        if gain > 0:
            score.above, score.below = gain * notional, <uint128>(entry * equity)
        else:
            score.above, score.below = gain * equity, <uint128>(entry * notional)
    elif kind == PRO_RATA:
        score.above, score.below = size, <uint128>1
    elif kind == MIN_MAX_LEVERAGE:
        score.above, score.below = notional, <uint128>equity
    else:
        raise ValueError(f"there is no policy {kind}")
    return score


cdef object wide(int128 value):
    return (<int64_t>(value >> 64)) * (1 << 64) + <object><unsigned long long>value


def score_of(int kind, candidate):
    """Return a candidate's score as numerator and denominator, the latter above 0.

    Args:
        kind: an `AdlPolicyKind`.
        candidate: a `Candidate`.

    Raises:
        ValueError: there is no such policy.

    """
    cdef Scored score = scored(kind, candidate)
    return wide(score.above), wide(<int128>score.below)


def order_of(int kind, candidates):
    """Return the indices of candidates by falling score, ties to the lower account id.

    Raises:
        ValueError: there is no such policy.

    """
    cdef vector[Scored] scores
    cdef vector[int] order
    cdef Scored score
    cdef int index = 0
    scores.reserve(len(candidates))
    for candidate in candidates:
        score = scored(kind, candidate)
        score.index = index
        scores.push_back(score)
        index += 1
    sort_scores(scores, order)
    return order
