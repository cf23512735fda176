"""The roles in Kubernetes: the manifests keep to its schemas, and what they say of us is true."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from engine.cluster.roles import ALL
from engine.commands.serving import GRACE
from engine.web import health
from engine.web.vitals import NEEDED, PATIENCE
from tests.deployment.deployed import DEPLOY, documents, is_a_command, main_file, read, secrets_in

VERSIONS = ("1.31", "1.34")
KUSTOMIZED = read("kubernetes/kustomization.yaml")
MANIFESTS = sorted({*KUSTOMIZED["resources"], "secret.example.yaml"})
EVERY = [each for name in MANIFESTS for each in documents(f"kubernetes/{name}")]
PATHS = {route.path for route in health.router.routes}  # type: ignore[attr-defined]


def of(kind: str, name: str) -> Any:
    (found,) = [each for each in EVERY if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def pod(role: str) -> Any:
    return of("Deployment", f"forewarn-{role}")["spec"]["template"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_keeps_to_the_schema(name: str, version: str) -> None:
    for document in documents(f"kubernetes/{name}"):
        kubernetes_validate.validate(document, version, strict=True)


def test_every_file_is_used() -> None:
    there = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")}
    assert there - {"kustomization.yaml", "secret.example.yaml"} == {
        *KUSTOMIZED["resources"],
        *(name for each in KUSTOMIZED["configMapGenerator"] for name in each["files"]),
    }


@pytest.mark.parametrize("role", sorted(ALL))
def test_a_role_is_run_as_it_is_called(role: str) -> None:
    (container,) = pod(role)["spec"]["containers"]
    assert container["args"] == [role]
    assert is_a_command(container["args"])


@pytest.mark.parametrize("role", sorted(ALL))
def test_probes_ask_what_every_role_answers(role: str) -> None:
    (container,) = pod(role)["spec"]["containers"]
    (port,) = container["ports"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        assert asked["path"] in PATHS
        assert asked["port"] == port["name"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz", "a store that is away is no reason to restart"
    slowest = PATIENCE * max(map(len, NEEDED.values()))
    assert container["readinessProbe"]["timeoutSeconds"] > slowest


@pytest.mark.parametrize("role", sorted(ALL))
def test_a_pod_can_do_no_harm_and_has_time_to_stop(role: str) -> None:
    spec = pod(role)["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert spec["automountServiceAccountToken"] is False
    assert spec["terminationGracePeriodSeconds"] >= 3 * GRACE
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()


@pytest.mark.parametrize("role", sorted(ALL))
def test_selectors_find_the_pods(role: str) -> None:
    labels = pod(role)["metadata"]["labels"]
    deployment, budget = of("Deployment", f"forewarn-{role}"), of("PodDisruptionBudget", f"forewarn-{role}")
    spread = [each["labelSelector"] for each in pod(role)["spec"]["topologySpreadConstraints"]]
    for selector in (deployment["spec"]["selector"], budget["spec"]["selector"], *spread):
        assert selector["matchLabels"].items() <= labels.items()
    assert of("NetworkPolicy", "forewarn")["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    if role != "worker":
        assert deployment["spec"]["replicas"] >= 2


def test_the_service_leads_to_the_web() -> None:
    service, (container,) = of("Service", "forewarn-web")["spec"], pod("web")["spec"]["containers"]
    assert service["selector"].items() <= pod("web")["metadata"]["labels"].items()
    assert service["ports"][0]["targetPort"] == container["ports"][0]["name"]


def test_the_main_file_is_right_and_reads_the_secrets_that_are_mounted(tmp_path: Path) -> None:
    config = main_file("kubernetes/forewarn.yaml", tmp_path)
    (container,) = pod("worker")["spec"]["containers"]
    assert config.main.listen.port == container["ports"][0]["containerPort"]
    (folder,) = [each["mountPath"] for each in container["volumeMounts"] if each["name"] == "secrets"]
    keys = of("Secret", "forewarn")["stringData"]
    assert {path.removeprefix(f"{folder}/") for path in secrets_in("kubernetes/forewarn.yaml")} == set(keys)
    (mounted,) = [each for each in container["volumeMounts"] if each["name"] == "main"]
    assert Path(mounted["mountPath"]).name == mounted["subPath"] == "forewarn.yaml"
    opened = {port["port"] for rule in of("NetworkPolicy", "forewarn")["spec"]["egress"] for port in rule["ports"]}
    assert {int(each.rpartition(":")[2]) for each in config.main.log.kafka} <= opened


def test_there_are_never_more_workers_than_partitions(tmp_path: Path) -> None:
    scaled = of("HorizontalPodAutoscaler", "forewarn-worker")["spec"]
    assert scaled["scaleTargetRef"]["name"] == "forewarn-worker"
    assert scaled["maxReplicas"] <= main_file("kubernetes/forewarn.yaml", tmp_path).main.events.partitions


def test_the_schema_is_brought_up_by_a_command_there_is() -> None:
    (container,) = of("Job", "forewarn-upgrade")["spec"]["template"]["spec"]["containers"]
    assert is_a_command(container["args"])
    assert container["image"] == pod("worker")["spec"]["containers"][0]["image"]
