"""What a consumer is told, said as the rules say it (ORCL-040): every value is kept for ever, sums are fractions.

Slow and plain on purpose. It takes the draws of chance from where the rule says they come from, for they are a
function; what they decide it decides itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from wavetank.oracle.core.chance import Purpose, draw, exponential
from wavetank.oracle.core.faults import FaultKind, JitterDistribution
from wavetank.oracle.core.inputs import FaultRequest

MOST_TICKS = 2**31 - 1


@dataclass(frozen=True)
class Value:
    """An index in ticks, the time it is of, how sure it is, and whether it is known to be old."""

    ticks: int
    time_ns: int
    confidence: int
    is_old: bool = False


@dataclass
class NaiveFault:
    """A fault that has been set."""

    fault_id: int
    request: FaultRequest
    start_ns: int
    has_begun: bool = False
    kept: Value | None = None

    @property
    def kind(self) -> FaultKind:
        assert self.request.kind is not None
        return self.request.kind

    @property
    def end_ns(self) -> int | None:
        return self.start_ns + self.request.duration_ns if self.request.duration_ns else None


@dataclass
class NaiveDelivery:
    """Delivery of one instrument to one consumer."""

    instrument_id: int
    consumer: int
    micros_in_tick: int
    told: list[Value] = field(default_factory=list)
    """By time, one for each."""
    faults: list[NaiveFault] = field(default_factory=list)

    def pass_to(self, now_ns: int) -> None:
        """End and begin what is due: at one time ends first."""
        self.faults = [fault for fault in self.faults if fault.end_ns is None or fault.end_ns > now_ns]
        for fault in self.faults:
            if not fault.has_begun and fault.start_ns <= now_ns:
                self._begin(fault)

    def set(self, fault_id: int, request: FaultRequest, now_ns: int) -> None:
        fault = NaiveFault(fault_id, request, now_ns + request.delay_ns)
        if not request.delay_ns:
            self._begin(fault)
        self.faults.append(fault)

    def clear(self, fault_id: int) -> None:
        self.faults = [fault for fault in self.faults if fault.fault_id != fault_id]

    def tell(self, value: Value) -> None:
        if self.told and self.told[-1].time_ns == value.time_ns:
            self.told.pop()
        self.told.append(value)

    def delivered(self, now_ns: int) -> Value:
        """Return what the consumer is told now."""
        value = self._given(now_ns)
        ticks = self._bent(value.ticks, now_ns)
        confidence = value.confidence
        for fault in self._begun(FaultKind.WIDEN):
            if self._strikes(fault, now_ns):
                size = _grown(fault, fault.request.magnitude_e12, now_ns)
                confidence += round(abs(ticks) * Fraction(size, 10**12))
        return Value(ticks, value.time_ns, confidence, value.is_old)

    def _begun(self, *kinds: FaultKind) -> list[NaiveFault]:
        return [fault for fault in self.faults if fault.has_begun and fault.kind in kinds]

    def _begin(self, fault: NaiveFault) -> None:
        fault.kept = self._given(fault.start_ns)
        fault.has_begun = True

    def _drawn(self, fault: NaiveFault, number: int, purpose: Purpose) -> int:
        channel = bytes([0, self.consumer])
        return draw(fault.request.seed, fault.fault_id, self.instrument_id, channel, number, purpose)

    def _strikes(self, fault: NaiveFault, number: int) -> bool:
        chance = fault.request.probability_ppm
        return not chance or self._drawn(fault, number, Purpose.STRIKE) % 10**6 < chance

    def _given(self, now_ns: int) -> Value:
        """Return which value is given."""
        for fault in self._begun(FaultKind.FREEZE, FaultKind.CONGESTION):
            if not fault.request.probability_ppm:
                assert fault.kept is not None
                return fault.kept
        there = [value for place, value in enumerate(self.told) if self._is_there(place, now_ns)]
        if not there:
            first = self.told[0]
            return Value(first.ticks, first.time_ns, first.confidence, is_old=True)
        while len(there) > 1 and self._is_lost(there[-1]):
            there.pop()
        newest = there[-1]
        value = self._repeated(there)
        for fault in self._begun(FaultKind.OUT_OF_ORDER):
            if self._strikes(fault, newest.time_ns):
                back = 1 + self._drawn(fault, newest.time_ns, Purpose.DISTANCE) % fault.request.lag_ns
                older = [each for each in self.told if each.time_ns <= newest.time_ns - back]
                return older[-1] if older else self.told[0]
        return value

    def _is_there(self, place: int, now_ns: int) -> bool:
        """Return whether a value has arrived, with all before it, and no censor withholds it."""
        if any(value.time_ns + self._delay(value.time_ns) > now_ns for value in self.told[: place + 1]):
            return False
        return all(self.told[place].time_ns <= self._passed(fault) for fault in self._begun(FaultKind.CENSOR))

    def _delay(self, number: int) -> int:
        total = 0
        for fault in self._begun(FaultKind.LAG):
            request, jitter = fault.request, 0
            varies = bool(request.jitter_ns or request.ramp_ns or request.probability_ppm)
            # What had arrived before a lag that varies began stays there; one that does not reaches back.
            if not varies:
                total += request.lag_ns
            elif number >= fault.start_ns and self._strikes(fault, number):
                if request.jitter_ns:
                    drawn = self._drawn(fault, number, Purpose.JITTER)
                    is_uniform = request.distribution is JitterDistribution.UNIFORM
                    jitter = drawn % (request.jitter_ns + 1) if is_uniform else exponential(drawn, request.jitter_ns)
                total += _grown(fault, request.lag_ns + jitter, number)
        return total

    def _passed(self, fault: NaiveFault) -> int:
        """Return the time of the newest value that a censor let pass."""
        last = max((value for value in self.told if value.time_ns < fault.start_ns), key=_time, default=self.told[0])
        for value in self.told:
            if value.time_ns == fault.start_ns and not fault.request.delay_ns:
                last = value
        for value in self.told:
            moved = Fraction(abs(value.ticks - last.ticks), last.ticks)
            if value.time_ns > last.time_ns and moved >= Fraction(fault.request.magnitude_e12, 10**12):
                last = value
        return last.time_ns

    def _is_lost(self, value: Value) -> bool:
        return any(
            fault.request.probability_ppm and value.time_ns > fault.start_ns and self._strikes(fault, value.time_ns)
            for fault in self._begun(FaultKind.FREEZE)
        )

    def _repeated(self, there: list[Value]) -> Value:
        newest = there[-1]
        for fault in self._begun(FaultKind.DUPLICATE):
            if not fault.request.probability_ppm:
                assert fault.kept is not None
                return Value(fault.kept.ticks, newest.time_ns, fault.kept.confidence, newest.is_old)
        for value in reversed(there):
            is_repeat = any(
                value.time_ns > fault.start_ns and self._strikes(fault, value.time_ns)
                for fault in self._begun(FaultKind.DUPLICATE)
            )
            if not is_repeat or value is there[0]:
                return Value(value.ticks, newest.time_ns, value.confidence, newest.is_old)
        raise AssertionError("the first stands")

    def _bent(self, ticks: int, now_ns: int) -> int:
        for kinds in (
            (FaultKind.HARDCODE,),
            (FaultKind.SPIKE, FaultKind.DRIFT),
            (FaultKind.DECIMAL,),
            (FaultKind.CLAMP,),
        ):
            for fault in self._begun(*kinds):
                if self._strikes(fault, now_ns):
                    ticks = self._bent_by(fault, ticks, now_ns)
        return ticks

    def _ticks(self, micros: int) -> int:
        ticks = round(Fraction(micros, self.micros_in_tick))
        return max(1, ticks) if micros > 0 else ticks

    def _bent_by(self, fault: NaiveFault, ticks: int, now_ns: int) -> int:
        request = fault.request
        lower, upper = self._ticks(request.price_micros), self._ticks(request.upper_price_micros)
        if fault.kind is FaultKind.HARDCODE:
            return lower
        if fault.kind is FaultKind.CLAMP:
            ticks = max(ticks, lower) if request.price_micros else ticks
            return min(ticks, upper) if request.upper_price_micros else ticks
        if ticks <= 0:
            return ticks
        factor = Fraction(10) ** request.exponent
        if fault.kind is not FaultKind.DECIMAL:
            factor = 1 + Fraction(_grown(fault, request.magnitude_e12, now_ns), 10**12)
        return min(MOST_TICKS, max(1, round(ticks * factor)))


def _time(value: Value) -> int:
    return value.time_ns


def _grown(fault: NaiveFault, amount: int, now_ns: int) -> int:
    """Return a size that grows in a line over a ramp."""
    passed = now_ns - fault.start_ns
    if passed >= fault.request.ramp_ns:
        return amount
    return round(Fraction(amount * max(passed, 0), fault.request.ramp_ns))
