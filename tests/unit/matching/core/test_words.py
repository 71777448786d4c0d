"""The C constants and layouts repeat those of the model, number for number."""

import re
from enum import IntEnum
from pathlib import Path

import wavetank.matching.core.commands as commands_module
from wavetank.matching.core import commands
from wavetank.model.events import matching as events
from wavetank.model.orders import (
    CancelReason,
    CommandKind,
    GroupKind,
    InstrumentState,
    LineCharge,
    LineStatus,
    OrderFlag,
    OrderState,
    SelfTradePrevention,
    TriggerKind,
    TriggerSource,
)
from wavetank.model.reason import Reason
from wavetank.model.record import kind_of

CORE = Path(commands_module.__file__).parent


def constants(name: str) -> dict[str, int]:
    source = (CORE / name).read_text(encoding="utf-8")
    return {word: int(value) for word, value in re.findall(r"^    ([A-Z_]+) = (\d+)$", source, re.MULTILINE)}


def test_constants_equal_the_models() -> None:
    words = constants("words.pxd")
    named: list[type[IntEnum]] = [
        CommandKind, GroupKind, InstrumentState, OrderState, Reason, SelfTradePrevention, TriggerKind, TriggerSource
    ]  # fmt: skip
    # POST_ONLY and REDUCE_ONLY are flags of an order; as states of an instrument they have a prefix.
    known = {f"STATE_{state.name}": int(state) for state in InstrumentState}
    known |= {member.name: int(member) for kind in named for member in kind}
    known |= {flag.name: int(flag) for flag in OrderFlag if flag.name}
    known |= {f"LINE_{status.name}": int(status) for status in LineStatus}
    known |= {f"CHARGE_{charge.name}": int(charge) for charge in LineCharge}
    by = {"BY_REQUEST": CancelReason.REQUESTED, "BY_DISCONNECT": CancelReason.DISCONNECTED}
    known |= {f"BY_{reason.name}": int(reason) for reason in CancelReason} | {k: int(v) for k, v in by.items()}
    known |= {
        "BUY": 1,
        "SELL": 2,
        "LIMIT": 1,
        "MARKET": 2,
        "GTC": 1,
        "IOC": 2,
        "FOK": 3,
        "GTT": 4,
        "NO_LINE": 0,
        "OK": 0,
    }
    known |= {"NO_LINE": 0, "OK": 0, "PRICE_LIMIT": 2**31 - 1, "LOTS_LIMIT": 2**31 - 1}
    assert {word: known.get(word) for word in words} == words
    assert len(words) > 60


def test_record_kinds_equal_the_models() -> None:
    kinds = constants("records.pxd")
    assert kinds.pop("RECORD_BYTES") == 128
    names = {"".join(part.title() for part in word.split("_")): kind for word, kind in kinds.items()}
    assert names == {name: kind_of(getattr(events, name)) for name in names}
    assert len(names) == 20


def test_a_command_survives_its_packing() -> None:
    packed = commands.place(account_id=1, instrument_id=2, side=1, size_lots=3, price_ticks=4, client_order_id=b"abc")
    assert len(packed) == commands.COMMAND_BYTES
    assert packed[32:48] == b"abc".ljust(16, b"\0")
