"""What the network policies allow, worked out as Kubernetes does: a call passes if both ends allow it.

A pod that no policy of a direction selects is open in that direction; one that some policy selects is open only to what
these policies name.
"""

from dataclasses import dataclass, field

from tests.k8s.manifests import Resource, containers, of_kind, pod_labels, selects, workloads

BOT = "app.kubernetes.io/component"


@dataclass(frozen=True)
class Pod:
    """Somebody who may call or be called."""

    name: str
    namespace: str
    labels: dict[str, str]
    ports: dict[str, int] = field(default_factory=dict)
    namespace_labels: dict[str, str] = field(default_factory=dict)


Call = tuple[str, str, str]
"""Caller, called, name of the port."""


def pods(resources: list[Resource]) -> list[Pod]:
    """Return a pod of each workload, and the strangers that a cluster may hold around them."""
    (namespace,) = of_kind(resources, "Namespace")
    home = namespace["metadata"]["name"]
    ours = [
        Pod(
            one["metadata"]["name"],
            home,
            pod_labels(one),
            {port["name"]: port["containerPort"] for container in containers(one) for port in container["ports"]},
        )
        for one in workloads(resources)
    ]
    dns = Pod(
        "dns",
        "kube-system",
        {"k8s-app": "kube-dns"},
        {"dns": 53},
        {"kubernetes.io/metadata.name": "kube-system"},
    )
    return [
        *ours,
        dns,
        Pod("bot", home, {BOT: "bot"}),
        Pod("bot elsewhere", "desk", {BOT: "bot"}, {}, {"wavetank/bots": "allowed"}),
        Pod("bot of nobody", "else", {BOT: "bot"}),
        Pod("prometheus", "monitoring", {"app": "prometheus"}, {"web": 9090}, {"wavetank/metrics": "allowed"}),
        Pod("stranger", home, {"app": "stranger"}, {"web": 80}),
        Pod("stranger elsewhere", "else", {"app": "stranger"}, {"web": 80}),
    ]


def allowed_calls(resources: list[Resource]) -> set[Call]:
    """Return every call that passes, between the pods of `pods`, save those that touch nothing of ours."""
    (namespace,) = of_kind(resources, "Namespace")
    home = namespace["metadata"]["name"]
    policies = of_kind(resources, "NetworkPolicy")
    everybody = pods(resources)
    return {
        (caller.name, called.name, name)
        for caller in everybody
        for called in everybody
        if caller is not called and home in {caller.namespace, called.namespace}
        for name, port in called.ports.items()
        if _passes(policies, home, "Egress", caller, called, (name, port))
        and _passes(policies, home, "Ingress", called, caller, (name, port))
    }


def _passes(policies: list[Resource], home: str, way: str, pod: Pod, peer: Pod, port: tuple[str, int]) -> bool:
    if pod.namespace != home:
        return True
    mine = [
        policy["spec"]
        for policy in policies
        if way in policy["spec"]["policyTypes"] and selects(policy["spec"]["podSelector"], pod.labels)
    ]
    if not mine:
        return True
    side = "to" if way == "Egress" else "from"
    return any(
        _names_peer(rule.get(side), home, peer) and _names_port(rule.get("ports"), port)
        for spec in mine
        for rule in spec.get(way.lower(), [])
    )


def _names_peer(peers: list[Resource] | None, home: str, pod: Pod) -> bool:
    if not peers:
        return True
    for peer in peers:
        assert set(peer) <= {"podSelector", "namespaceSelector"}, f"the rules do not understand the peer {peer}"
        if "namespaceSelector" in peer:
            in_namespace = selects(peer["namespaceSelector"], pod.namespace_labels)
        else:
            in_namespace = pod.namespace == home
        if in_namespace and selects(peer.get("podSelector", {}), pod.labels):
            return True
    return False


def _names_port(ports: list[Resource] | None, port: tuple[str, int]) -> bool:
    return not ports or any(one["port"] in port for one in ports)
