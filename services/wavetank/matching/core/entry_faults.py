"""Entry faults: what becomes of a client's request on its way to the book, and of what the client is told (MTCH-065).

A venue that fails does not fail in its book but before it: requests come late, answers are lost, cancels vanish, calls
are refused by the load. A bot's worst losses are made there, so a shard fails like that on command. A fault is a value;
one function says what it does to a request, from the faults, venue time, the account and the request's number alone, so
that the live shard, the simulator and a replay agree.
Kept true: the venue's own accounts are never hit, nor what clearing asks; a request is carried out whole, once, or not
at all; whatever is refused here was not done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from wavetank.matching.core.commands import COMMAND_BYTES
from wavetank.matching.core.draws import MILLION, draw, exponential, hits, uniform
from wavetank.model.ids import FIRST_CLIENT_ACCOUNT_ID
from wavetank.model.orders import CommandKind, OrderFlag
from wavetank.model.reason import Reason
from wavetank.model.venue_faults import LATE_KINDS, MARKET_DATA_KINDS, Jitter, VenueFaultKind

MAX_ACTIVE_FAULTS = 100
MAX_ACCOUNTS_PER_FAULT = 100
LONGEST_DELAY_NS = 3_600 * 1_000_000_000
LONGEST_DURATION_NS = 366 * 86_400 * 1_000_000_000
LARGEST_SEED = 2**63 - 1

_KIND, _FLAGS = 0, 4
"""Where these stand in a packed command."""
_CANCELS = frozenset({CommandKind.CANCEL, CommandKind.CANCEL_ALL})


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFault:
    """A fault of one shard; times and durations are venue nanoseconds."""

    fault_id: int
    kind: VenueFaultKind
    account_ids: tuple[int, ...] = ()
    """Ascending; empty for all clients."""
    delay_ns: int = 0
    jitter_ns: int = 0
    jitter: Jitter = Jitter.NONE
    probability_ppm: int = MILLION
    start_ns: int = 0
    duration_ns: int = 0
    """0 until cleared."""
    ramp_ns: int = 0
    seed: int = 0

    def is_over(self, now_ns: int) -> bool:
        """Tell whether the fault's time is over."""
        return self.duration_ns > 0 and now_ns >= self.start_ns + self.duration_ns

    def concerns(self, account_id: int, now_ns: int) -> bool:
        """Tell whether an account is the fault's, and the time too."""
        return (
            account_id >= FIRST_CLIENT_ACCOUNT_ID
            and now_ns >= self.start_ns
            and (not self.account_ids or account_id in self.account_ids)
            and not self.is_over(now_ns)
        )

    def hits(self, account_id: int, number: int, now_ns: int) -> bool:
        """Tell whether the fault hits the request, or commit, of this number."""
        if not self.concerns(account_id, now_ns):
            return False
        probability_ppm = self.ramped(self.probability_ppm, now_ns)
        return hits(draw(self.seed, self.fault_id, account_id, number, 0), probability_ppm)

    def late_ns(self, account_id: int, number: int, now_ns: int) -> int:
        """Return by how much it makes the request, or commit, of this number late."""
        drawn = draw(self.seed, self.fault_id, account_id, number, 1)
        varying = 0
        if self.jitter is Jitter.UNIFORM:
            varying = uniform(drawn, self.jitter_ns)
        elif self.jitter is Jitter.EXPONENTIAL:
            varying = exponential(drawn, self.jitter_ns)
        return self.ramped(self.delay_ns + varying, now_ns)

    def ramped(self, whole: int, now_ns: int) -> int:
        """Return the part of a size that its ramp has brought by now."""
        passed_ns = now_ns - self.start_ns
        return whole if passed_ns >= self.ramp_ns else whole * passed_ns // self.ramp_ns


@dataclass(frozen=True, slots=True)
class Treatment:
    """What becomes of one request; as it stands, nothing out of the ordinary."""

    delay_ns: int = 0
    """Until it arrives."""
    answer_delay_ns: int = 0
    """Until it is answered, after its commit."""
    loses_answer: bool = False
    is_lost: bool = False
    """It never arrives."""
    refusal: Reason | None = None
    ends_session: bool = False

    def beside(self, other: Treatment) -> Treatment:
        """Return what two treatments come to together: the worse of each, and delays one behind the other."""
        return Treatment(
            self.delay_ns + other.delay_ns,
            self.answer_delay_ns + other.answer_delay_ns,
            self.loses_answer or other.loses_answer,
            self.is_lost or other.is_lost,
            self.refusal or other.refusal,
            self.ends_session or other.ends_session,
        )


UNDISTURBED = Treatment()


def treatment(faults: Iterable[EntryFault], now_ns: int, account_id: int, commands: bytes, number: int) -> Treatment:
    """Return what becomes of a request.

    Args:
        faults: those of the shard, by id; of two that refuse, the first names the reason.
        now_ns: venue time at which it was sent.
        account_id: who sent it.
        commands: what it asks, packed.
        number: which request of the account it is, of those since faults were set.

    """
    found = UNDISTURBED
    for fault in faults:
        if fault.kind in MARKET_DATA_KINDS or not fault.hits(account_id, number, now_ns):
            continue
        found = found.beside(_treatment_by(fault, now_ns, account_id, commands, number))
    return found


def _treatment_by(fault: EntryFault, now_ns: int, account_id: int, commands: bytes, number: int) -> Treatment:
    match fault.kind:
        case VenueFaultKind.DELAY:
            return Treatment(delay_ns=fault.late_ns(account_id, number, now_ns))
        case VenueFaultKind.ACK_DELAY:
            return Treatment(answer_delay_ns=fault.late_ns(account_id, number, now_ns))
        case VenueFaultKind.ACK_LOSS:
            return Treatment(loses_answer=True)
        case VenueFaultKind.THROTTLE:
            return Treatment(refusal=Reason.RATE_LIMITED)
        case VenueFaultKind.UNAVAILABLE:
            return Treatment(refusal=Reason.VENUE_OVERLOADED)
        case VenueFaultKind.CANCEL_LOSS:
            return Treatment(is_lost=_cancels(commands))
        case VenueFaultKind.REDUCE_ONLY_REJECTED:
            return Treatment(refusal=Reason.VENUE_OVERLOADED) if _reduces_only(commands) else UNDISTURBED
        case VenueFaultKind.DISCONNECT:
            return Treatment(ends_session=True)
        case _:
            return UNDISTURBED


def market_treatment(faults: Iterable[EntryFault], now_ns: int, account_id: int, seq: int) -> tuple[bool, int]:
    """Return whether an account is not told of a commit's market data, and else how late.

    Args:
        faults: those of the shard.
        now_ns: venue time of the commit.
        account_id: whose subscription it is.
        seq: last seq of the commit.

    """
    delay_ns = 0
    for fault in faults:
        if fault.kind not in MARKET_DATA_KINDS or not fault.hits(account_id, seq, now_ns):
            continue
        if fault.kind is VenueFaultKind.MARKET_DATA_GAP:
            return True, 0
        delay_ns += fault.late_ns(account_id, seq, now_ns)
    return False, delay_ns


def _cancels(commands: bytes) -> bool:
    return any(commands[at + _KIND] in _CANCELS for at in range(0, len(commands), COMMAND_BYTES))


def _reduces_only(commands: bytes) -> bool:
    return any(
        commands[at + _KIND] == CommandKind.PLACE and commands[at + _FLAGS] & OrderFlag.REDUCE_ONLY
        for at in range(0, len(commands), COMMAND_BYTES)
    )


def fault_problem(fault: EntryFault) -> str | None:
    """Return why a fault has no meaning, as a sentence; None for one that has."""
    is_late = fault.kind in LATE_KINDS
    if is_late != (fault.delay_ns > 0 or fault.jitter_ns > 0):
        return f"a delay, and only a delay, has a time: {fault.kind.name} with {fault.delay_ns} ns"
    if (fault.jitter is Jitter.NONE) != (fault.jitter_ns == 0):
        return f"a jitter has a kind and a size: {fault.jitter.name} with {fault.jitter_ns} ns"
    for name, size_ns, longest_ns in (
        ("delay", fault.delay_ns, LONGEST_DELAY_NS),
        ("jitter", fault.jitter_ns, LONGEST_DELAY_NS),
        ("duration", fault.duration_ns, LONGEST_DURATION_NS),
        ("ramp", fault.ramp_ns, LONGEST_DURATION_NS),
    ):
        if not 0 <= size_ns <= longest_ns:
            return f"the {name} is {size_ns} ns; 0 to {longest_ns} is allowed"
    if not 1 <= fault.probability_ppm <= MILLION:
        return f"the probability is {fault.probability_ppm} parts per million; 1 to {MILLION} is allowed"
    if not 0 <= fault.seed <= LARGEST_SEED:
        return f"the seed is {fault.seed}; 0 to {LARGEST_SEED} is allowed"
    if len(fault.account_ids) > MAX_ACCOUNTS_PER_FAULT:
        return f"the fault names {len(fault.account_ids)} accounts; {MAX_ACCOUNTS_PER_FAULT} are allowed"
    reserved = [account_id for account_id in fault.account_ids if account_id < FIRST_CLIENT_ACCOUNT_ID]
    if reserved:
        return f"account {reserved[0]} is no client's; those from {FIRST_CLIENT_ACCOUNT_ID} on are"
    return None


def joined(parts: Sequence[EntryFault]) -> list[EntryFault]:
    """Return faults of one account each, as the log has them, as one for each id."""
    whole: dict[int, EntryFault] = {}
    for part in parts:
        known = whole.get(part.fault_id)
        accounts = part.account_ids if known is None else (*known.account_ids, *part.account_ids)
        whole[part.fault_id] = replace(part, account_ids=tuple(sorted(set(accounts))))
    return [whole[fault_id] for fault_id in sorted(whole)]
