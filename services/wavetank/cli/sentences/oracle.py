"""Sentences of the events of the oracle's log."""

from wavetank.cli.amounts import show_dollars, show_ratio
from wavetank.cli.sentences.faults import describe_kind, describe_terms
from wavetank.cli.sentences.words import Speaker, Tellers
from wavetank.cli.times import show_duration, show_instant
from wavetank.model.events.oracle import (
    EVERYBODY,
    BookTaken,
    ConsumerBit,
    FaultEnded,
    FaultSet,
    FaultStarted,
    FundingTicked,
    InstrumentFollowed,
    MarkComputed,
    PremiumSampled,
    PricePublished,
    PriceTold,
    SourcePriced,
    SourceStanding,
    SourceStateChanged,
)
from wavetank.model.record import kind_of
from wavetank.model.validity import Validity

TELLERS = Tellers()

ROUTINE_KINDS = frozenset(
    kind_of(cls) for cls in (SourcePriced, PricePublished, PriceTold, PremiumSampled, BookTaken, MarkComputed)
)

_CONSUMERS = (
    (ConsumerBit.CLEARING, "clearing"),
    (ConsumerBit.MATCHING, "matching"),
    (ConsumerBit.BOTS, "bots"),
)


@TELLERS.of(SourcePriced)
def _source(say: Speaker, event: SourcePriced) -> str:
    source, symbol = event.source.decode(errors="replace"), say.symbol(event.instrument_id)
    interval = _give_or_take(show_dollars(event.confidence_micros), event.confidence_micros)
    return f"source {source} says {symbol} is at {show_dollars(event.price_micros)}{interval}"


@TELLERS.of(PricePublished)
def _published(say: Speaker, event: PricePublished) -> str:
    number = event.instrument_id
    return f"{say.symbol(number)} told to {consumer_words(event.consumers)}: {_price_words(say, event)}"


@TELLERS.of(PriceTold)
def _told(say: Speaker, event: PriceTold) -> str:
    return f"{say.symbol(event.instrument_id)} before faults of delivery: {_price_words(say, event)}"


def _price_words(say: Speaker, event: PricePublished | PriceTold) -> str:
    number = event.instrument_id
    interval = _give_or_take(say.price(number, event.confidence_ticks), event.confidence_ticks)
    doubt = f", {validity_words(event.validity)}" if event.validity else ""
    return (
        f"index {say.price(number, event.index_price_ticks)}{interval}, "
        f"mark {say.price(number, event.mark_price_ticks)}, as of {show_instant(event.index_time_ns)}{doubt}"
    )


def _give_or_take(shown: str, amount: int) -> str:
    return f" give or take {shown}" if amount else ""


@TELLERS.of(PremiumSampled)
def _premium(say: Speaker, event: PremiumSampled) -> str:
    return f"premium of {say.symbol(event.instrument_id)}: {show_ratio(event.premium_e12)}"


@TELLERS.of(FundingTicked)
def _ticked(say: Speaker, event: FundingTicked) -> str:
    few = 2 * event.samples < event.expected_samples or not event.samples
    paid = "" if event.is_paid else ", not paid: too few samples" if few else ", not paid: its index is doubted"
    return (
        f"funding tick {event.tick} of {say.symbol(event.instrument_id)}: {show_ratio(event.funding_rate_e12)}{paid} "
        f"({event.samples} of {event.expected_samples} samples)"
    )


@TELLERS.of(FaultSet)
def _fault_set(say: Speaker, event: FaultSet) -> str:
    is_funding = event.target == 2  # noqa: PLR2004 - FAULT_TARGET_FUNDING.
    subject = "funding" if is_funding else "prices"
    source = f" from source {event.source.decode(errors='replace')}" if event.source else ""
    whom = "" if event.source else f" for {consumer_words(event.consumers)}"
    began = f"will begin at {show_instant(event.start_time_ns)}" if event.is_delayed else "began"
    return (
        f"fault {event.fault_id} {began}: {subject} of {say.symbol(event.instrument_id)}{source} "
        f"{describe_kind(event)}{whom}{describe_terms(event)}"
    )


@TELLERS.of(FaultStarted)
def _fault_started(say: Speaker, event: FaultStarted) -> str:
    return f"fault {event.fault_id} began for {say.symbol(event.instrument_id)}, as it was set"


@TELLERS.of(FaultEnded)
def _fault_ended(say: Speaker, event: FaultEnded) -> str:
    how = "cleared by hand" if event.was_cleared else "its time was over"
    return f"fault {event.fault_id} ended for {say.symbol(event.instrument_id)}: {how}"


@TELLERS.of(SourceStateChanged)
def _source_state(say: Speaker, event: SourceStateChanged) -> str:
    source = event.source.decode(errors="replace")
    words = {
        SourceStanding.STALE: "went stale",
        SourceStanding.LIVE: "lives",
        SourceStanding.OUTLIER: "is too far from the others to count",
    }
    return f"source {source} of {say.symbol(event.instrument_id)} {words[SourceStanding(event.standing)]}"


@TELLERS.of(InstrumentFollowed)
def _followed(_say: Speaker, event: InstrumentFollowed) -> str:
    symbol = event.symbol.decode(errors="replace")
    return f"oracle prices {symbol} from here on, with funding every {show_duration(event.funding_interval_ns)}"


def consumer_words(consumers: int) -> str:
    """Return a set of `ConsumerBit`s in words."""
    if consumers == EVERYBODY:
        return "everybody"
    told = [name for bit, name in _CONSUMERS if consumers & bit]
    return ", ".join(told) or "nobody, the truth"


def validity_words(validity: int) -> str:
    """Return a `Validity` in words."""
    return "not positive" if validity == Validity.NON_POSITIVE else Validity(validity).name.lower().replace("_", " ")
