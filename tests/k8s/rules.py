"""What must be true between the manifests, which no schema can tell: one function per rule; each returns offences."""

import re
from collections.abc import Iterator

from tests.k8s.manifests import (
    Resource,
    containers,
    label,
    named,
    of_kind,
    pod_labels,
    pod_spec,
    selects,
    workloads,
)

GRPC_PORT = 50051
MADE_BY_A_PERSON = {"clock"}
"""Config maps that are not in the base; README says how to make them."""

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")

_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_TAG = re.compile(r":([^/:@]+)$")
_ADDRESS = re.compile(
    r"^(?P<pod>[a-z0-9-]+)\.(?P<service>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+)\.svc:(?P<port>[0-9]+)$"
)


def quantity(text: str | int) -> float:
    """Return a Kubernetes quantity as a number: `500m`, `2`, `1Gi`."""
    value = str(text)
    if value.endswith("m"):
        return float(value[:-1]) / 1_000
    for suffix, factor in _BINARY.items():
        if value.endswith(suffix):
            return float(value.removesuffix(suffix)) * factor
    return float(value)


def selectors_match(resources: list[Resource]) -> list[str]:
    """Every workload selects its own pods; every Service and disruption budget selects those of some workload."""
    running = workloads(resources)
    offences = [
        f"{label(one)}: its selector does not match its own pods"
        for one in running
        if not selects(one["spec"]["selector"], pod_labels(one))
    ]
    selecting = [(one, {"matchLabels": one["spec"]["selector"]}) for one in of_kind(resources, "Service")]
    selecting += [(one, one["spec"]["selector"]) for one in of_kind(resources, "PodDisruptionBudget")]
    offences += [
        f"{label(one)}: selects no workload"
        for one, selector in selecting
        if not any(selects(selector, pod_labels(workload)) for workload in running)
    ]
    return offences


def stateful_sets_have_a_headless_service(resources: list[Resource]) -> list[str]:
    """Every StatefulSet names a Service that is there, is headless and selects its pods."""
    offences = []
    services = {one["metadata"]["name"]: one for one in of_kind(resources, "Service")}
    for one in of_kind(resources, "StatefulSet"):
        service = services.get(one["spec"]["serviceName"])
        if service is None:
            offences.append(f"{label(one)}: there is no Service {one['spec']['serviceName']}")
        elif service["spec"].get("clusterIP") != "None":
            offences.append(f"{label(service)}: has a virtual address; a gRPC connection would stay with one pod")
        elif not selects({"matchLabels": service["spec"]["selector"]}, pod_labels(one)):
            offences.append(f"{label(one)}: its Service selects other pods")
    return offences


def ports_exist(resources: list[Resource]) -> list[str]:
    """Ports that probes and Services name are ports of a container."""
    running = workloads(resources)
    offences = [
        f"{label(one)}: {probe} asks port {port}, which the container has not"
        for one in running
        for container in containers(one)
        for probe in PROBES
        for port in _probe_ports(container.get(probe, {}))
        if port not in _ports(container)
    ]
    offences += [
        f"{label(service)}: port {port.get('targetPort', port['port'])} is no port of {label(one)}"
        for service in of_kind(resources, "Service")
        for port in service["spec"]["ports"]
        for one in running
        if selects({"matchLabels": service["spec"]["selector"]}, pod_labels(one))
        and not any(port.get("targetPort", port["port"]) in _ports(container) for container in containers(one))
    ]
    return offences


def grpc_services_say_so(resources: list[Resource]) -> list[str]:
    """A Service port that carries gRPC is marked as HTTP/2 without TLS, for proxies and gateways."""
    return [
        f"{label(service)}: port {port['name']} lacks appProtocol kubernetes.io/h2c"
        for service in of_kind(resources, "Service")
        for port in service["spec"]["ports"]
        if port["port"] == GRPC_PORT and port.get("appProtocol") != "kubernetes.io/h2c"
    ]


def probes_are_there(resources: list[Resource]) -> list[str]:
    """Every container has all three probes; those of our own services speak gRPC."""
    offences = []
    for one in workloads(resources):
        for container in containers(one):
            for probe in PROBES:
                if probe not in container:
                    offences.append(f"{label(one)}: has no {probe}")
                elif GRPC_PORT in _ports(container) and "grpc" not in container[probe]:
                    offences.append(f"{label(one)}: {probe} does not ask over gRPC")
    return offences


def requests_within_limits(resources: list[Resource]) -> list[str]:
    """Every container asks for processor and memory, and for no more than its limits."""
    offences = []
    for one in workloads(resources):
        for container in containers(one):
            given = container.get("resources", {})
            for thing in ("cpu", "memory"):
                asked, most = given.get("requests", {}).get(thing), given.get("limits", {}).get(thing)
                if asked is None or most is None:
                    offences.append(f"{label(one)}: {thing} lacks a request or a limit")
                elif quantity(asked) > quantity(most):
                    offences.append(f"{label(one)}: asks for {asked} of {thing} and may have {most}")
    return offences


def mounts_have_volumes(resources: list[Resource]) -> list[str]:
    """Every mount has its volume, every volume is mounted, every config map that is read exists."""
    offences = []
    maps = {one["metadata"]["name"] for one in of_kind(resources, "ConfigMap")}
    for one in workloads(resources):
        spec = pod_spec(one)
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        volumes |= {claim["metadata"]["name"] for claim in one["spec"].get("volumeClaimTemplates", [])}
        mounts = {mount["name"] for container in containers(one) for mount in container.get("volumeMounts", [])}
        offences += [f"{label(one)}: mounts {name}, which is no volume" for name in sorted(mounts - volumes)]
        offences += [f"{label(one)}: volume {name} is not mounted" for name in sorted(volumes - mounts)]
        read = {volume["configMap"]["name"] for volume in spec.get("volumes", []) if "configMap" in volume}
        for container in containers(one):
            read |= {source["configMapRef"]["name"] for source in container.get("envFrom", [])}
        offences += [f"{label(one)}: there is no ConfigMap {name}" for name in sorted(read - maps - MADE_BY_A_PERSON)]
    return offences


def pods_are_restricted(resources: list[Resource]) -> list[str]:
    """Pods keep to the profile `restricted` and more: read-only root, no token, no variables of other Services."""
    offences = []
    for one in workloads(resources):
        spec = pod_spec(one)
        pod = spec.get("securityContext", {})
        wanted = {
            "runAsNonRoot": pod.get("runAsNonRoot") is True,
            "runAsUser above 0": pod.get("runAsUser", 0) > 0,
            "seccompProfile RuntimeDefault": pod.get("seccompProfile", {}).get("type") == "RuntimeDefault",
            "automountServiceAccountToken false": spec.get("automountServiceAccountToken") is False,
            "enableServiceLinks false": spec.get("enableServiceLinks") is False,
            "no host namespaces": not any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")),
            "no host paths": not any("hostPath" in volume for volume in spec.get("volumes", [])),
        }
        for container in containers(one):
            own = container.get("securityContext", {})
            capabilities = own.get("capabilities", {})
            wanted |= {
                "allowPrivilegeEscalation false": own.get("allowPrivilegeEscalation") is False,
                "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem") is True,
                "drop ALL, add nothing": capabilities.get("drop") == ["ALL"] and not capabilities.get("add"),
                "not privileged": not own.get("privileged"),
                "no contradiction of the pod": own.get("runAsNonRoot", True) is True and own.get("runAsUser", 1) > 0,
            }
        offences += [f"{label(one)}: {name} is wanted" for name, holds in wanted.items() if not holds]
    for namespace in of_kind(resources, "Namespace"):
        enforced = namespace["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce")
        if enforced != "restricted":
            offences.append(f"{label(namespace)}: enforces {enforced}, not restricted")
    return offences


def images_are_pinned(resources: list[Resource]) -> list[str]:
    """Every image has a tag that is not `latest`, or a digest."""
    offences = []
    for one in workloads(resources):
        for container in containers(one):
            image = container["image"]
            tag = _TAG.search(image)
            if "@sha256:" not in image and (tag is None or tag[1] == "latest"):
                offences.append(f"{label(one)}: image {image} is not pinned")
    return offences


def no_secret_is_shipped(resources: list[Resource]) -> list[str]:
    """A secret in the repository is none; a person makes it (README)."""
    return [f"{label(one)}: a secret must not stand in the repository" for one in of_kind(resources, "Secret")]


def stopping_fits_the_grace_period(resources: list[Resource], drain_seconds: float) -> list[str]:
    """The pause before stopping and the service's own draining end before Kubernetes kills the pod."""
    offences = []
    for one in workloads(resources):
        grace = pod_spec(one).get("terminationGracePeriodSeconds", 30)
        for container in containers(one):
            pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            if pause + drain_seconds >= grace:
                offences.append(f"{label(one)}: {pause} s pause and {drain_seconds} s draining exceed {grace} s")
    return offences


def writers_are_single(resources: list[Resource]) -> list[str]:
    """Every truth has one writer: StatefulSets, one replica each, and one per address for matching."""
    offences = [
        f"{label(one)}: a {one['kind']} may run two pods of one writer for a while"
        for one in workloads(resources)
        if one["kind"] != "StatefulSet"
    ]
    addresses = matching_addresses(resources)
    for one in of_kind(resources, "StatefulSet"):
        name, replicas = one["metadata"]["name"], one["spec"]["replicas"]
        wanted = len(addresses) if name == "matching" else 1
        if replicas != wanted:
            offences.append(f"{label(one)}: has {replicas} replicas; {wanted} wanted")
    return offences


def addresses_resolve(resources: list[Resource]) -> list[str]:
    """Addresses in the venue's config map are those of pods behind a headless Service, in order of the shard."""
    data = named(resources, "ConfigMap", "venue")["data"]
    namespace = of_kind(resources, "Namespace")[0]["metadata"]["name"]
    shards = [(address, f"matching-{shard}") for shard, address in enumerate(matching_addresses(resources))]
    singles = [(data["CLEARING_ADDRESS"], "clearing-0"), (data["ORACLE_ADDRESS"], "oracle-0")]
    offences = []
    for address, pod in (*shards, *singles):
        wanted = f"{pod}.{pod.rpartition('-')[0]}.{namespace}.svc:{GRPC_PORT}"
        found = _ADDRESS.match(address)
        if address != wanted or found is None:
            offences.append(f"address {address} is not {wanted}")
        elif not [one for one in of_kind(resources, "Service") if one["metadata"]["name"] == found["service"]]:
            offences.append(f"address {address}: there is no such Service")
    return offences


def budgets_make_sense(resources: list[Resource]) -> list[str]:
    """What may have several pods has a disruption budget, which gives one bound and lets unready pods go."""
    budgets = of_kind(resources, "PodDisruptionBudget")
    offences = []
    for budget in budgets:
        spec = budget["spec"]
        if ("minAvailable" in spec) == ("maxUnavailable" in spec):
            offences.append(f"{label(budget)}: give one of minAvailable and maxUnavailable")
        if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            offences.append(f"{label(budget)}: protects pods that are not ready")
    for one in workloads(resources):
        scales = one["spec"].get("replicas", 1) > 1 or one["metadata"]["name"] == "matching"
        if scales and not any(selects(budget["spec"]["selector"], pod_labels(one)) for budget in budgets):
            offences.append(f"{label(one)}: has no disruption budget")
    return offences


def redis_keeps_what_is_promised(resources: list[Resource]) -> list[str]:
    """Redis persists as the venue's durability says, evicts nothing, and stays within half of its memory (fork)."""
    settings = dict(redis_settings(named(resources, "ConfigMap", "redis")["data"]["redis.conf"]))
    durability = named(resources, "ConfigMap", "venue")["data"]["DURABILITY"]
    offences = []
    if settings.get("appendonly") != "yes":
        offences.append("redis.conf: appendonly is not yes")
    if durability not in {settings.get("appendfsync"), "memory"}:
        offences.append(f"redis.conf: appendfsync {settings.get('appendfsync')} does not keep durability {durability}")
    if settings.get("maxmemory-policy") != "noeviction":
        offences.append("redis.conf: would evict what it must keep")
    (container,) = containers(named(resources, "StatefulSet", "redis"))
    limit = quantity(container["resources"]["limits"]["memory"])
    most = settings.get("maxmemory", "0")
    if not 0 < int(most.removesuffix("gb")) * 2**30 * 2 <= limit:
        offences.append(f"redis.conf: maxmemory {most} is not within half of {limit / 2**30} GiB")
    return offences


def names_are_unique(resources: list[Resource]) -> list[str]:
    """No two resources of a kind have one name."""
    names = [label(one) for one in resources]
    return sorted({f"{name}: twice" for name in names if names.count(name) > 1})


def matching_addresses(resources: list[Resource]) -> list[str]:
    """Return the addresses of the shards, from the JSON list in the venue's config map."""
    text = named(resources, "ConfigMap", "venue")["data"]["MATCHING_ADDRESSES"]
    return re.findall(r'"([^"]+)"', text)


def redis_settings(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of each setting of a redis.conf."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition(" ")
            yield name, value


def _ports(container: Resource) -> set[str | int]:
    return {value for port in container.get("ports", []) for value in (port["containerPort"], port.get("name"))}


def _probe_ports(probe: Resource) -> list[str | int]:
    return [probe[way]["port"] for way in ("grpc", "tcpSocket", "httpGet") if way in probe]
