"""How the load finds a venue, and what it says when it does not."""

import json
from pathlib import Path

import pytest
from loadtest.venue import VenueAccess, VenueNotFound, find_venue, read_directory

from wavetank.v1 import directory_pb2, instrument_pb2


def test_run_directory_names_address_and_key(tmp_path: Path) -> None:
    (tmp_path / "venue.json").write_text(json.dumps({"address": "127.0.0.1:5", "play_key": "a.b"}), encoding="utf-8")
    assert find_venue(host=None, play_key="", run_directory=tmp_path) == VenueAccess("127.0.0.1:5", "a.b")


def test_host_and_key_need_no_run_directory(tmp_path: Path) -> None:
    found = find_venue(host="http://10.0.0.5:50051/", play_key="a.b", run_directory=tmp_path)
    assert found == VenueAccess("10.0.0.5:50051", "a.b")


def test_host_without_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VenueNotFound, match="--play-key"):
        find_venue(host="10.0.0.5:50051", play_key="", run_directory=tmp_path)


def test_missing_run_directory_says_what_would_help(tmp_path: Path) -> None:
    with pytest.raises(VenueNotFound, match="wavetank up"):
        find_venue(host=None, play_key="", run_directory=tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"address": "127.0.0.1:5"}'])
def test_broken_venue_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "venue.json").write_text(content, encoding="utf-8")
    with pytest.raises(VenueNotFound, match=r"venue\.json"):
        find_venue(host=None, play_key="", run_directory=tmp_path)


def test_directory_gives_each_instrument_its_shard() -> None:
    trading, halted = instrument_pb2.INSTRUMENT_STATE_TRADING, instrument_pb2.INSTRUMENT_STATE_HALTED
    venue = read_directory(
        directory_pb2.GetDirectoryResponse(
            instruments=[
                instrument_pb2.Instrument(instrument_id=1, state=trading),
                instrument_pb2.Instrument(instrument_id=2, state=trading),
                instrument_pb2.Instrument(instrument_id=3, state=halted),
            ],
            endpoints=[
                directory_pb2.Endpoint(service=directory_pb2.SERVICE_KIND_MATCHING, address="m0:1", instrument_ids=[1]),
                directory_pb2.Endpoint(
                    service=directory_pb2.SERVICE_KIND_MATCHING, address="m1:1", shard=1, instrument_ids=[2, 3]
                ),
                directory_pb2.Endpoint(service=directory_pb2.SERVICE_KIND_CLEARING, address="c:1"),
            ],
        )
    )
    assert venue.clearing_address == "c:1"
    assert venue.matching_addresses == {1: "m0:1", 2: "m1:1", 3: "m1:1"}
    assert sorted(venue.instruments) == [1, 2]


@pytest.mark.parametrize("service", [directory_pb2.SERVICE_KIND_CLEARING, directory_pb2.SERVICE_KIND_MATCHING])
def test_directory_that_lacks_a_service_is_refused(service: directory_pb2.ServiceKind.ValueType) -> None:
    answer = directory_pb2.GetDirectoryResponse(endpoints=[directory_pb2.Endpoint(service=service, address="a:1")])
    with pytest.raises(VenueNotFound):
        read_directory(answer)
