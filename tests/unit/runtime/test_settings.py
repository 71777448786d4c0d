"""Settings come from the environment once, and everything wrong with them is said at once."""

import pytest

from wavetank.runtime.settings import ServiceSettings, SettingsInvalid, environment, host_and_port

SECRET = "the-internal-key-of-this-test"


class TankSettings(ServiceSettings):
    """Settings of an imagined service."""

    model_config = environment("tank")

    depth: int


def test_settings_come_from_variables_with_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAVETANK_TANK_DEPTH", "7")
    monkeypatch.setenv("WAVETANK_TANK_INTERNAL_KEY", SECRET)
    monkeypatch.setenv("WAVETANK_TANK_MATCHING_ADDRESSES", '["127.0.0.1:5001", "m-1.venue:5002"]')
    monkeypatch.setenv("WAVETANK_TANK_CLOCK_SPEED_MILLI", "60000")
    settings = TankSettings.load()
    assert settings.depth == 7
    assert settings.matching_addresses == ("127.0.0.1:5001", "m-1.venue:5002")
    assert settings.internal_key.get_secret_value() == SECRET
    assert settings.venue_clock().speed_milli == 60_000


def test_all_faults_are_reported_at_once_by_the_name_of_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAVETANK_TANK_LISTEN", "nowhere")
    monkeypatch.setenv("WAVETANK_TANK_DURABILITY", "sometimes")
    monkeypatch.setenv("WAVETANK_TANK_REDIS_URL", "http://user:password@host")
    monkeypatch.setenv("WAVETANK_TANK_DETPH", "7")
    with pytest.raises(SettingsInvalid) as caught:
        TankSettings.load()
    named = [line.partition(":")[0] for line in str(caught.value).splitlines()]
    assert named == [
        "WAVETANK_TANK_DETPH",
        "WAVETANK_TANK_REDIS_URL",
        "WAVETANK_TANK_DURABILITY",
        "WAVETANK_TANK_LISTEN",
        "WAVETANK_TANK_INTERNAL_KEY",
        "WAVETANK_TANK_DEPTH",
    ]
    assert "password" not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    settings = TankSettings(depth=1, internal_key=SECRET, redis_url="redis://:hidden-password@127.0.0.1:1/0")
    assert SECRET not in repr(settings)
    assert "hidden-password" not in repr(settings)


def test_an_empty_internal_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAVETANK_TANK_DEPTH", "1")
    monkeypatch.setenv("WAVETANK_TANK_INTERNAL_KEY", "")
    with pytest.raises(SettingsInvalid, match="would let everybody in"):
        TankSettings.load()


def test_addresses() -> None:
    assert host_and_port("127.0.0.1:0") == ("127.0.0.1", 0)
    assert host_and_port("[::1]:50051") == ("::1", 50_051)
    for address in ("localhost", ":80", "host:port", "host:65536", ""):
        with pytest.raises(ValueError, match="host:port"):
            host_and_port(address)


def test_a_label_to_be_killed_at_is_checked_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAVETANK_TANK_DEPTH", "1")
    monkeypatch.setenv("WAVETANK_TANK_INTERNAL_KEY", SECRET)
    assert TankSettings.load().kill_at == ""
    monkeypatch.setenv("WAVETANK_TANK_KILL_AT", "lunch:1")
    with pytest.raises(SettingsInvalid, match=r"WAVETANK_TANK_KILL_AT: .*'lunch:1' is no label to be killed at"):
        TankSettings.load()
    monkeypatch.setenv("WAVETANK_TANK_KILL_AT", "during_trim:2")
    assert TankSettings.load().kill_at == "during_trim:2"
