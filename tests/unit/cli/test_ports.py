"""Ports are reserved: whoever looks for some meanwhile gets others, and a service can listen on them."""

from __future__ import annotations

import random
import socket

import pytest

from wavetank.cli.ports import ReservedAddresses


@pytest.fixture
def same_choice(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let whoever looks for ports try the same 200 in the same order."""
    tried = random.sample(range(20_000, 32_000), 200)
    monkeypatch.setattr(random, "sample", lambda population, count: tried)
    return tried


def test_two_that_choose_alike_get_different_ports(same_choice: list[int]) -> None:
    with ReservedAddresses(5) as first, ReservedAddresses(5) as second:
        assert len({*first.addresses, *second.addresses}) == 10
    with ReservedAddresses(5) as third:
        assert third.addresses == first.addresses


def test_a_service_can_listen_where_it_is_reserved_and_then_nobody_else_gets_it(same_choice: list[int]) -> None:
    with ReservedAddresses(1) as reserved:
        port = int(reserved.addresses[0].removeprefix("127.0.0.1:"))
        with socket.create_server(("127.0.0.1", port)):
            reserved.close()
            with ReservedAddresses(1) as other:
                assert other.addresses != reserved.addresses


def test_when_too_few_are_free_it_says_so(same_choice: list[int]) -> None:
    del same_choice[2:]
    with pytest.raises(OSError, match=r"found \d of 3 free ports between 20000 and 32000"):
        ReservedAddresses(3)
