"""The environment that the manifests give a service is one that the service reads: same names, valid values."""

import importlib
import importlib.util
import re

import pytest

from tests.k8s.manifests import BASE, ROOT, Resource, containers, named, read_plainly, workloads
from tests.k8s.test_base import DRAIN_SECONDS
from wavetank.runtime.settings import ServiceSettings

SERVICES = ("matching", "clearing", "oracle")

# What Kubernetes and a person's secret would put there.
FIELDS = {
    "metadata.name": "{service}-0",
    "metadata.namespace": "wavetank",
    "metadata.labels['apps.kubernetes.io/pod-index']": "0",
}
CLOCK = {
    "CLOCK_START_NS": "1793491200000000000",
    "CLOCK_ORIGIN_NS": "1793491200000000000",
    "CLOCK_SPEED_MILLI": "1000",
}
SECRET = {"internal-key": "an internal key", "admin-key": "bootstrap.a-secret-of-the-admin", "redis-password": "5ec7e7"}

_REFERENCE = re.compile(r"\$\(([A-Z_]+)\)")


def environment(resources: list[Resource], service: str) -> dict[str, str]:
    """Return the variables of a service's container, as Kubernetes works them out."""
    (container,) = containers(named(resources, "StatefulSet", service))
    variables: dict[str, str] = {}
    for source in container.get("envFrom", []):
        name = source["configMapRef"]["name"]
        data = CLOCK if name == "clock" else named(resources, "ConfigMap", name)["data"]
        variables |= {f"{source.get('prefix', '')}{key}": value for key, value in data.items()}
    for entry in container.get("env", []):
        origin = entry.get("valueFrom", {})
        if "fieldRef" in origin:
            value = FIELDS[origin["fieldRef"]["fieldPath"]].format(service=service)
        elif "secretKeyRef" in origin:
            value = SECRET[origin["secretKeyRef"]["key"]]
        else:
            value = _REFERENCE.sub(lambda match: variables[match[1]], entry["value"])
        variables[entry["name"]] = value
    return variables


def references(resources: list[Resource], service: str) -> set[str]:
    """Return the variables that others of the same container are made of."""
    (container,) = containers(named(resources, "StatefulSet", service))
    return {name for entry in container.get("env", []) for name in _REFERENCE.findall(entry.get("value", ""))}


def settings_class(service: str) -> type[ServiceSettings]:
    """Return the one settings class of a service."""
    module = importlib.import_module(f"wavetank.{service}.config")
    (found,) = {
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, ServiceSettings) and one is not ServiceSettings
    }
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_service_accepts_what_it_is_given(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = environment(read_plainly(BASE), service)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    # Refuses a name that it does not know, and a value that it cannot use.
    settings = settings_class(service).load()
    assert settings.clock_start_ns == 1793491200000000000
    assert settings.redis_url == "redis://:5ec7e7@redis:6379/0"
    assert settings.advertised_address == f"{service}-0.{service}.wavetank.svc:50051"
    assert settings.internal_key.get_secret_value() == "an internal key"
    assert settings.drain_timeout_ms <= DRAIN_SECONDS * 1_000


def test_clock_is_made_as_the_readme_says() -> None:
    readme = (ROOT / "k8s" / "README.md").read_text(encoding="utf-8")
    assert "create configmap clock" in readme
    for name in CLOCK:
        assert f"--from-literal={name}=" in readme


@pytest.mark.parametrize("service", SERVICES)
def test_no_variable_is_given_for_nothing(service: str) -> None:
    resources = read_plainly(BASE)
    prefix = f"WAVETANK_{service.upper()}_"
    others = {name for name in environment(resources, service) if not name.startswith(prefix)}
    assert others == references(resources, service)


@pytest.mark.parametrize("service", SERVICES)
def test_addresses_that_are_advertised_are_those_of_the_venue(service: str) -> None:
    given = environment(read_plainly(BASE), service)
    prefix = f"WAVETANK_{service.upper()}_"
    advertised = given[f"{prefix}ADVERTISED_ADDRESS"]
    if service == "matching":
        assert given[f"{prefix}MATCHING_ADDRESSES"] == f'["{advertised}"]'
    else:
        assert given[f"{prefix}{service.upper()}_ADDRESS"] == advertised


@pytest.mark.parametrize("service", SERVICES)
def test_command_starts_a_module_that_is_there(service: str) -> None:
    (container,) = containers(named(read_plainly(BASE), "StatefulSet", service))
    assert container["command"] == ["python", "-m", f"wavetank.{service}"]
    assert importlib.util.find_spec(f"wavetank.{service}.__main__") is not None


def test_misspelt_variable_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    resources = read_plainly(BASE)
    named(resources, "ConfigMap", "venue")["data"]["LOG_LEVLE"] = "info"
    for name, value in environment(resources, "oracle").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Exception, match="WAVETANK_ORACLE_LOG_LEVLE"):
        settings_class("oracle").load()


def test_every_workload_is_known_here() -> None:
    assert {one["metadata"]["name"] for one in workloads(read_plainly(BASE))} == {*SERVICES, "redis"}
