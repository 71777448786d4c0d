"""Sentences of the events of the oracle's log."""

from wavetank.cli.amounts import show_dollars, show_ratio
from wavetank.cli.sentences.words import Speaker, Tellers
from wavetank.cli.times import show_duration, show_instant
from wavetank.model.events.oracle import (
    EVERYBODY,
    BookTaken,
    ConsumerBit,
    FaultBegan,
    FaultEnded,
    FundingTicked,
    InstrumentFollowed,
    MarkComputed,
    PremiumSampled,
    PricePublished,
    SourcePriced,
    SourceStateChanged,
)
from wavetank.model.record import kind_of

TELLERS = Tellers()

ROUTINE_KINDS = frozenset(
    kind_of(cls) for cls in (SourcePriced, PricePublished, PremiumSampled, BookTaken, MarkComputed)
)

_CONSUMERS = (
    (ConsumerBit.CLEARING, "clearing"),
    (ConsumerBit.MATCHING, "matching"),
    (ConsumerBit.BOTS, "bots"),
)


@TELLERS.of(SourcePriced)
def _source(say: Speaker, event: SourcePriced) -> str:
    return (
        f"source {event.source.decode(errors='replace')} says {say.symbol(event.instrument_id)} is at "
        f"{show_dollars(event.price_micros)}"
    )


@TELLERS.of(PricePublished)
def _published(say: Speaker, event: PricePublished) -> str:
    number = event.instrument_id
    stale = ", stale" if event.stale else ""
    return (
        f"{say.symbol(number)} told to {consumer_words(event.consumers)}: index "
        f"{say.price(number, event.index_price_ticks)}, "
        f"mark {say.price(number, event.mark_price_ticks)}, as of {show_instant(event.index_time_ns)}{stale}"
    )


@TELLERS.of(PremiumSampled)
def _premium(say: Speaker, event: PremiumSampled) -> str:
    return f"premium of {say.symbol(event.instrument_id)}: {show_ratio(event.premium_e12)}"


@TELLERS.of(FundingTicked)
def _ticked(say: Speaker, event: FundingTicked) -> str:
    paid = "" if event.is_paid else ", not paid: too few samples"
    return (
        f"funding tick {event.tick} of {say.symbol(event.instrument_id)}: {show_ratio(event.funding_rate_e12)}{paid} "
        f"({event.samples} of {event.expected_samples} samples)"
    )


@TELLERS.of(FaultBegan)
def _fault_began(say: Speaker, event: FaultBegan) -> str:
    what = {
        1: f"{show_duration(event.lag_ns)} late",
        2: "frozen",
        3: f"off by {show_ratio(event.magnitude_e12)}",
    }.get(event.kind, f"of kind {event.kind}")
    subject = "funding" if event.target == 2 else "prices"  # noqa: PLR2004 - FAULT_TARGET_FUNDING.
    length = f" for {show_duration(event.duration_ns)}" if event.duration_ns else ""
    return (
        f"fault {event.fault_id} began: {subject} of {say.symbol(event.instrument_id)} {what} for "
        f"{consumer_words(event.consumers)}{length}"
    )


@TELLERS.of(FaultEnded)
def _fault_ended(say: Speaker, event: FaultEnded) -> str:
    how = "cleared by hand" if event.was_cleared else "its time was over"
    return f"fault {event.fault_id} ended for {say.symbol(event.instrument_id)}: {how}"


@TELLERS.of(SourceStateChanged)
def _source_state(say: Speaker, event: SourceStateChanged) -> str:
    source = event.source.decode(errors="replace")
    return f"source {source} of {say.symbol(event.instrument_id)} {'lives' if event.is_live else 'went stale'}"


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
