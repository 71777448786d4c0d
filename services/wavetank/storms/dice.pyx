"""Chance from one seed, in whole numbers.

Everything random in a simulation is drawn here: delays, arrivals, sizes, decisions. It exists because a run must be
the same on every machine, and the logarithm of one C library is not that of another: exponentials and normals are made
from random bits, tables and integer arithmetic alone.

Kept true: the same seed gives the same draws everywhere; dice spawned by name are independent of how often, and in
which order, their parent is thrown. Dice that are turned to another seed take along all that come from the same first
ones, each by its own name; what they have shown stays as it was.
"""

from decimal import Context, Decimal
from hashlib import blake2b
from random import Random

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from wavetank.model.money cimport mul_div_floor

cdef enum:
    ONE_E6 = 1_000_000
    WORD_BITS = 32
    THROWS = 24
    CELL_BITS = 8
    CELLS = 1 << CELL_BITS
    FINE_BITS = WORD_BITS - CELL_BITS
    FINE_MASK = (1 << FINE_BITS) - 1
    UNIFORMS = 12
    UNIFORM_BITS = 20
    UNIFORM_MASK = (1 << UNIFORM_BITS) - 1

cdef int64_t ONE_E12 = 10**12

# Decimal's logarithms and powers are correctly rounded, so what follows is the same on every machine.
_EXACT = Context(prec=40)

cdef int64_t e12(number):
    return int(_EXACT.multiply(number, Decimal(ONE_E12)))

# ln 2, times 10^12.
cdef int64_t TWO_LOG_E12 = e12(_EXACT.ln(Decimal(2)))
# The quantiles of an exponential below its median: -ln(1 - k/512), times 10^12.
cdef int64_t[CELLS + 1] QUANTILES_E12
# 2^(k/256), times 10^12.
cdef int64_t[CELLS + 1] POWERS_E12

for _cell in range(CELLS + 1):
    QUANTILES_E12[_cell] = e12(-_EXACT.ln(1 - Decimal(_cell) / (2 * CELLS)))
    POWERS_E12[_cell] = e12(_EXACT.power(Decimal(2), Decimal(_cell) / CELLS))


cdef class Dice:
    """A source of chance; all that it returns is a whole number or one of the given things.

    Its bits are those of `Random.getrandbits`: words of 32, the lowest first, and of the last one the upper bits. The
    words are fetched many at a time.
    """

    def __init__(self, seed, str name="", *, list kin=None):
        """Make dice.

        Args:
            seed: any whole number.
            name: dice of one seed and different names are independent of one another.
            kin: the dice of which these are spawned and all others of them; None for the first ones.

        """
        self.kin = [] if kin is None else kin
        self.kin.append(self)
        self.begin(seed, name)

    cdef int begin(self, seed, str name) except -1:
        self._key = blake2b(f"{seed}/{name}".encode(), digest_size=32).digest()
        self.random = Random(int.from_bytes(self._key, "big"))
        self.words_used = WORDS
        return 0

    cdef uint32_t word(self, int width) except? 0:
        """Return the upper bits, 32 at most, of the generator's next word."""
        if self.words_used == WORDS:
            self.fetch()
        self.words_used += 1
        return self.words[self.words_used - 1] >> (WORD_BITS - width)

    cdef int fetch(self) except -1:
        cdef bytes fetched = self.random.randbytes(sizeof(self.words))
        memcpy(self.words, <const char*>fetched, sizeof(self.words))
        self.words_used = 0
        return 0

    cdef bits(self, Py_ssize_t width):
        """Return a whole number of so many bits."""
        cdef Py_ssize_t known
        drawn = self.word(min(width, WORD_BITS))
        for known in range(WORD_BITS, width, WORD_BITS):
            drawn |= <object>self.word(min(width - known, WORD_BITS)) << known
        return drawn

    def spawn(self, str name):
        """Return other dice, which depend on these dice's seed and name, not on what they have shown."""
        return Dice(int.from_bytes(self._key, "big"), name, kin=self.kin)

    def turn(self, seed):
        """Throw from another seed from now on, and so do all dice that come from the same first ones."""
        cdef Dice dice
        for dice in self.kin:
            dice.begin(int.from_bytes(dice._key, "big"), f"turned to {seed}")

    cpdef below(self, bound):
        """Return a whole number from 0 to `bound` - 1, all alike, as the standard library draws it.

        Raises:
            ValueError: the bound is not positive.

        """
        if bound <= 0:
            raise ValueError(f"nothing lies below {bound}")
        cdef Py_ssize_t width = bound.bit_length()
        drawn = self.bits(width)
        while drawn >= bound:
            drawn = self.bits(width)
        return drawn

    def between(self, least, most):
        """Return a whole number from `least` to `most`, both included, all alike."""
        return least + self.below(most - least + 1)

    def chance(self, ppm):
        """Return True with a probability in millionths."""
        return self.below(ONE_E6) < ppm

    def choice(self, items):
        """Return one of the items, all alike."""
        return items[self.below(len(items))]

    def exponential(self, int64_t mean):
        """Return an exponentially distributed number of the given mean, rounded down.

        Its number of halvings is geometric, and what is left is below the median: inverse of the distribution there,
        by a table of 256 cells and a straight line between them.

        Raises:
            OverflowError: the mean or the number does not fit 64 bits.

        """
        cdef int run = self.heads()
        cdef int64_t halvings = run
        while run == THROWS:
            run = self.heads()
            halvings += run
        cdef uint32_t bits = self.word(WORD_BITS)
        cdef int64_t low = QUANTILES_E12[bits >> FINE_BITS]
        cdef int64_t high = QUANTILES_E12[(bits >> FINE_BITS) + 1]
        cdef int64_t rest_e12 = low + ((high - low) * <int64_t>(bits & FINE_MASK) >> FINE_BITS)
        return mul_div_floor(mean, halvings * TWO_LOG_E12 + rest_e12, ONE_E12)

    cdef int heads(self) except -1:
        """Return how many of at most 24 throws show heads before the first tails."""
        cdef uint32_t throws = self.word(WORD_BITS)
        cdef int shown = 0
        # A round takes 64 bits, of which nobody looks at the upper ones; draws that are kept were made so.
        self.word(WORD_BITS)
        while shown < THROWS and throws & 1:
            throws >>= 1
            shown += 1
        return shown

    cpdef int64_t normal_e6(self) except? -1:
        """Return a number of mean 0 and deviation 10^6, nearly normal: the sum of twelve uniforms less six.

        Its fourth moment is 2.9 instead of 3, and it never exceeds six deviations.
        """
        cdef int undrawn = UNIFORMS * UNIFORM_BITS
        cdef int held = 0
        cdef int width
        cdef uint64_t bits = 0
        cdef int64_t total = 0
        for _ in range(UNIFORMS):
            if held < UNIFORM_BITS:
                width = min(undrawn, WORD_BITS)
                bits |= <uint64_t>self.word(width) << held
                undrawn -= width
                held += width
            total += bits & UNIFORM_MASK
            bits >>= UNIFORM_BITS
            held -= UNIFORM_BITS
        return (total * ONE_E6 >> UNIFORM_BITS) - UNIFORMS // 2 * ONE_E6

    def log_normal(self, mean, int64_t spread_e6):
        """Return a log-normally distributed number of about the given mean, rounded down.

        Args:
            mean: of the numbers.
            spread_e6: standard deviation of their natural logarithm, in millionths.

        """
        cdef int64_t shift_e6 = mul_div_floor(spread_e6, spread_e6, 2 * ONE_E6)
        return scaled_by_exponential(mean, mul_div_floor(spread_e6, self.normal_e6(), ONE_E6) - shift_e6)


cpdef scaled_by_exponential(value, int64_t exponent_e6):
    """Return `value · e^exponent`, rounded down, with a relative error below 10^-5.

    Args:
        value: not negative.
        exponent_e6: in millionths; below -40 the result is 0.

    """
    # The exponent in doublings: whole ones shift, the rest stands in a table.
    cdef int64_t doublings_e12 = mul_div_floor(exponent_e6, ONE_E12 * ONE_E6, TWO_LOG_E12)
    cdef int64_t doublings = doublings_e12 // ONE_E12
    cdef int64_t place_e12 = (doublings_e12 - doublings * ONE_E12) * CELLS
    cdef int64_t cell = place_e12 // ONE_E12
    cdef int64_t low = POWERS_E12[cell]
    cdef int64_t power_e12 = low + mul_div_floor(POWERS_E12[cell + 1] - low, place_e12 - cell * ONE_E12, ONE_E12)
    # The number may be wider than 64 bits.
    scaled = value * power_e12
    return (scaled << doublings) // ONE_E12 if doublings >= 0 else (scaled >> -doublings) // ONE_E12
