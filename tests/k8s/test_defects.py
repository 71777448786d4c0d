"""Every rule catches the defect it is there for: planted here, one by one, in a copy of the real manifests."""

from collections.abc import Callable
from typing import Any

import kubernetes_validate
import pytest

from tests.k8s import rules
from tests.k8s.manifests import BASE, Resource, containers, label, named, pod_spec, read_plainly
from tests.k8s.network import allowed_calls
from tests.k8s.test_base import CALL_GRAPH, DRAIN_SECONDS, NEWEST, RULES

Defect = Callable[[list[Resource]], None]


def container(resources: list[Resource], name: str = "matching") -> Resource:
    (found,) = containers(named(resources, "StatefulSet", name))
    return found


def pod(resources: list[Resource], name: str = "matching") -> Resource:
    return pod_spec(named(resources, "StatefulSet", name))


def put(*path: str | int, value: Any, into: Callable[[list[Resource]], Any] = container) -> Defect:  # noqa: ANN401
    """Return a defect that sets one value, at a path below what `into` finds."""

    def plant(resources: list[Resource]) -> None:
        target = into(resources)
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value

    return plant


def drop(*path: str | int, of: Callable[[list[Resource]], Any] = container) -> Defect:
    """Return a defect that removes one value."""

    def plant(resources: list[Resource]) -> None:
        target = of(resources)
        for step in path[:-1]:
            target = target[step]
        del target[path[-1]]

    return plant


def of(kind: str, name: str) -> Callable[[list[Resource]], Resource]:
    """Return what finds one resource."""
    return lambda resources: named(resources, kind, name)


def ship_a_secret(resources: list[Resource]) -> None:
    resources.append({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "wavetank"}, "stringData": {"a": "b"}})


def say_it_twice(resources: list[Resource]) -> None:
    resources.append(named(resources, "Service", "matching"))


def forget_the_budget(resources: list[Resource]) -> None:
    resources.remove(named(resources, "PodDisruptionBudget", "matching"))


def become_a_deployment(resources: list[Resource]) -> None:
    named(resources, "StatefulSet", "clearing")["kind"] = "Deployment"


def edit_redis(old: str, new: str) -> Defect:
    """Return a defect in redis.conf."""

    def plant(resources: list[Resource]) -> None:
        data = named(resources, "ConfigMap", "redis")["data"]
        assert old in data["redis.conf"]
        data["redis.conf"] = data["redis.conf"].replace(old, new)

    return plant


SERVICE = of("Service", "matching")
SET = of("StatefulSet", "matching")
BUDGET = of("PodDisruptionBudget", "matching")
VENUE = of("ConfigMap", "venue")
NAME = "app.kubernetes.io/name"

DEFECTS: tuple[tuple[Callable[[list[Resource]], list[str]], str, Defect], ...] = (
    (rules.names_are_unique, "a resource given twice", say_it_twice),
    (
        rules.selectors_match,
        "a selector of other pods",
        put("spec", "selector", "matchLabels", NAME, value="x", into=SET),
    ),
    (rules.selectors_match, "a Service without pods", put("spec", "selector", NAME, value="x", into=SERVICE)),
    (
        rules.selectors_match,
        "a budget of nothing",
        put("spec", "selector", "matchLabels", NAME, value="x", into=BUDGET),
    ),
    (
        rules.stateful_sets_have_a_headless_service,
        "a Service not there",
        put("spec", "serviceName", value="x", into=SET),
    ),
    (rules.stateful_sets_have_a_headless_service, "a virtual address", drop("spec", "clusterIP", of=SERVICE)),
    (
        rules.stateful_sets_have_a_headless_service,
        "somebody else's Service",
        put("spec", "serviceName", value="oracle", into=SET),
    ),
    (rules.ports_exist, "a probe of another port", put("readinessProbe", "grpc", "port", value=50052)),
    (rules.ports_exist, "a Service to no port", put("spec", "ports", 0, "targetPort", value="http", into=SERVICE)),
    (rules.grpc_services_say_so, "gRPC that says nothing", drop("spec", "ports", 0, "appProtocol", of=SERVICE)),
    (rules.probes_are_there, "no startup probe", drop("startupProbe")),
    (rules.probes_are_there, "a probe that is not gRPC", put("livenessProbe", value={"tcpSocket": {"port": 50051}})),
    (rules.requests_within_limits, "more than the limit", put("resources", "requests", "cpu", value="2500m")),
    (rules.requests_within_limits, "memory above its limit", put("resources", "requests", "memory", value="2Gi")),
    (rules.requests_within_limits, "no limit", drop("resources", "limits", "memory")),
    (rules.mounts_have_volumes, "a mount of nothing", put("volumeMounts", value=[{"name": "x", "mountPath": "/x"}])),
    (rules.mounts_have_volumes, "a volume unused", put("volumes", value=[{"name": "x", "emptyDir": {}}], into=pod)),
    (rules.mounts_have_volumes, "a config map not there", put("envFrom", 0, "configMapRef", "name", value="x")),
    (rules.pods_are_restricted, "root", put("securityContext", "runAsNonRoot", value=False, into=pod)),
    (rules.pods_are_restricted, "root by number", put("securityContext", "runAsUser", value=0, into=pod)),
    (rules.pods_are_restricted, "root in the container", put("securityContext", "runAsUser", value=0)),
    (rules.pods_are_restricted, "no seccomp", drop("securityContext", "seccompProfile", of=pod)),
    (rules.pods_are_restricted, "a writable root", put("securityContext", "readOnlyRootFilesystem", value=False)),
    (rules.pods_are_restricted, "escalation", drop("securityContext", "allowPrivilegeEscalation")),
    (rules.pods_are_restricted, "capabilities", drop("securityContext", "capabilities")),
    (rules.pods_are_restricted, "a token", drop("automountServiceAccountToken", of=pod)),
    (rules.pods_are_restricted, "variables of Services", drop("enableServiceLinks", of=pod)),
    (rules.pods_are_restricted, "the host's network", put("hostNetwork", value=True, into=pod)),
    (
        rules.pods_are_restricted,
        "a lax namespace",
        put(
            "metadata",
            "labels",
            "pod-security.kubernetes.io/enforce",
            value="baseline",
            into=of("Namespace", "wavetank"),
        ),
    ),
    (rules.images_are_pinned, "no tag", put("image", value="docker.io/valkey/valkey")),
    (rules.images_are_pinned, "the tag latest", put("image", value="registry:5000/wavetank:latest")),
    (rules.no_secret_is_shipped, "a secret", ship_a_secret),
    (rules.writers_are_single, "two writers", put("spec", "replicas", value=2, into=of("StatefulSet", "clearing"))),
    (rules.writers_are_single, "a shard without address", put("spec", "replicas", value=2, into=SET)),
    (rules.writers_are_single, "a Deployment", become_a_deployment),
    (
        rules.addresses_resolve,
        "another port",
        put("data", "CLEARING_ADDRESS", value="clearing-0.clearing.wavetank.svc:1", into=VENUE),
    ),
    (
        rules.addresses_resolve,
        "another namespace",
        put("data", "MATCHING_ADDRESSES", value='["matching-0.matching.other.svc:50051"]', into=VENUE),
    ),
    (rules.budgets_make_sense, "two bounds", put("spec", "minAvailable", value=1, into=BUDGET)),
    (rules.budgets_make_sense, "unready pods kept", drop("spec", "unhealthyPodEvictionPolicy", of=BUDGET)),
    (rules.budgets_make_sense, "no budget", forget_the_budget),
    (rules.redis_keeps_what_is_promised, "no append-only file", edit_redis("appendonly yes", "appendonly no")),
    (rules.redis_keeps_what_is_promised, "eviction", edit_redis("noeviction", "allkeys-lru")),
    (rules.redis_keeps_what_is_promised, "too much memory", edit_redis("maxmemory 1gb", "maxmemory 2gb")),
    (
        rules.redis_keeps_what_is_promised,
        "a greater promise",
        put("data", "DURABILITY", value="always", into=VENUE),
    ),
)


@pytest.mark.parametrize(("rule", "name", "defect"), DEFECTS, ids=[f"{one[0].__name__}: {one[1]}" for one in DEFECTS])
def test_planted_defect_is_caught(rule: Callable[[list[Resource]], list[str]], name: str, defect: Defect) -> None:
    resources = read_plainly(BASE)
    assert rule(resources) == []
    defect(resources)
    assert rule(resources) != []


def test_every_rule_has_a_defect() -> None:
    assert {rule for rule, _, _ in DEFECTS} == set(RULES)


def test_pause_that_outlives_the_grace_period_is_caught() -> None:
    resources = read_plainly(BASE)
    put("lifecycle", "preStop", "sleep", "seconds", value=25)(resources)
    assert rules.stopping_fits_the_grace_period(resources, DRAIN_SECONDS) == [
        "StatefulSet matching: 25 s pause and 5.0 s draining exceed 30 s"
    ]


@pytest.mark.parametrize(
    "defect",
    [
        pytest.param(put("resourcess", value={}), id="a misspelt field"),
        pytest.param(put("readinessProbe", "grpc", "port", value="grpc"), id="a name where only a number is allowed"),
        pytest.param(put("apiVersion", value="apps/v2", into=SET), id="a version that does not exist"),
    ],
)
def test_schemas_catch_what_they_can(defect: Defect) -> None:
    resources = read_plainly(BASE)
    defect(resources)
    with pytest.raises((kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError)):
        kubernetes_validate.validate(named(resources, "StatefulSet", "matching"), NEWEST, strict=True)


def without_policy(name: str) -> Defect:
    """Return a defect: a policy is missing."""
    return lambda resources: resources.remove(named(resources, "NetworkPolicy", name))


@pytest.mark.parametrize(
    ("defect", "opened", "closed"),
    [
        pytest.param(
            without_policy("default-deny"),
            {("bot elsewhere", "stranger", "web")},
            set(),
            id="nothing is denied by default",
        ),
        pytest.param(
            drop("spec", "ingress", 0, "from", of=of("NetworkPolicy", "redis")),
            set(),
            set(),
            id="Redis takes everybody, but nobody else may send",
        ),
        pytest.param(
            drop("spec", "ingress", 0, "from", of=of("NetworkPolicy", "oracle")),
            {("stranger elsewhere", "oracle", "grpc"), ("bot of nobody", "oracle", "grpc")},
            set(),
            id="the oracle takes everybody",
        ),
        pytest.param(
            drop("spec", "ingress", 0, "ports", of=of("NetworkPolicy", "clearing")),
            {("bot elsewhere", "clearing", "metrics")},
            set(),
            id="all ports of clearing are open",
        ),
        pytest.param(
            drop("spec", "egress", 1, of=of("NetworkPolicy", "matching")),
            set(),
            {("matching", "clearing", "grpc")},
            id="the credit stream is cut",
        ),
        pytest.param(without_policy("dns"), set(), {("matching", "dns", "dns")}, id="names do not resolve"),
    ],
)
def test_network_defect_is_seen(defect: Defect, opened: set[Any], closed: set[Any]) -> None:
    resources = read_plainly(BASE)
    defect(resources)
    calls = allowed_calls(resources)
    assert opened <= calls - CALL_GRAPH
    assert closed <= CALL_GRAPH - calls


def test_offences_name_the_resource() -> None:
    resources = read_plainly(BASE)
    drop("startupProbe")(resources)
    assert rules.probes_are_there(resources) == [f"{label(SET(resources))}: has no startupProbe"]
