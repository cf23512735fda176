"""The cluster on one machine: what its containers are told is what the engine knows."""

import re
from pathlib import Path
from typing import Any

import pytest
from compose_spec.models import ComposeSpecification, Service

from engine.cluster.roles import ALL, Role
from engine.commands.serving import GRACE
from engine.config.model import MainConfig, Sender
from engine.web import health
from tests.deployment.deployed import DEPLOY, ROOT, is_a_command, main_file, read, secrets_in

COMPOSE = read("compose/compose.yaml")
OURS = {name: each for name, each in COMPOSE["services"].items() if each["image"].startswith("forewarn:")}
PORT = MainConfig(Sender("")).listen.port


def keys_of(model: Any) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def test_it_keeps_to_the_specification() -> None:
    ComposeSpecification.model_validate(COMPOSE)
    for name, service in COMPOSE["services"].items():
        assert set(service) <= keys_of(Service), name


def test_every_role_runs() -> None:
    assert {Role(each["command"][0]) for each in OURS.values() if each["command"][0] in set(ALL)} == ALL


@pytest.mark.parametrize("name", OURS)
def test_a_container_runs_what_there_is(name: str) -> None:
    assert is_a_command(OURS[name]["command"])


@pytest.mark.parametrize("name", OURS)
def test_a_container_can_do_no_harm(name: str) -> None:
    service = OURS[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["user"] == "10001:10001"
    assert "no-new-privileges:true" in service["security_opt"]


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_role_has_time_to_stop_and_is_looked_after(name: str) -> None:
    service = OURS[name]
    assert float(service["stop_grace_period"].removesuffix("s")) >= 3 * GRACE
    assert service["restart"] == "unless-stopped"
    (asked,) = re.findall(r"http://127\.0\.0\.1:(\d+)(/\w+)", service["healthcheck"]["test"][-1])
    assert int(asked[0]) == PORT
    assert asked[1] in {route.path for route in health.router.routes}  # type: ignore[attr-defined]
    assert service["depends_on"]["upgrade"]["condition"] == "service_completed_successfully"


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_what_is_mounted_is_there(name: str) -> None:
    service = COMPOSE["services"][name]
    for mount in service.get("volumes", ()):
        source = mount.split(":")[0]
        there = (DEPLOY / "compose" / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
        assert there, mount
    assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys()


def test_the_main_file_is_right_and_reads_the_secrets_that_are_mounted(tmp_path: Path) -> None:
    config = main_file("compose/forewarn.yaml", tmp_path)
    mounted = {f"/run/secrets/{name}" for name in OURS["worker"]["secrets"]}
    assert secrets_in("compose/forewarn.yaml") == mounted
    assert config.main.listen.port == PORT
    host, port = config.main.log.kafka[0].split(":")
    assert f"://{host}:{port}" in COMPOSE["services"][host]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert "@postgres/forewarn" in config.main.store.url
    assert COMPOSE["services"]["postgres"]["environment"]["POSTGRES_DB"] == "forewarn"


def test_all_connections_together_are_fewer_than_postgres_takes(tmp_path: Path) -> None:
    pool = main_file("compose/forewarn.yaml", tmp_path).main.store.pool
    processes = sum(OURS[role].get("deploy", {}).get("replicas", 1) for role in sorted(ALL))
    assert processes * pool + 1 < 100


def test_the_image_is_made_of_what_there_is() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (?:--chmod=\d+ )?([^-].*)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), line
    (command,) = re.findall(r"^CMD \[(.*)\]$", text, re.MULTILINE)
    assert is_a_command([each.strip('" ') for each in command.split(",")])
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    assert "config/deploy/compose" in ignored, "the secrets lie there"


PINNED = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)


def test_the_image_has_what_is_locked_and_what_a_cluster_needs() -> None:
    text = (DEPLOY / "requirements.lock").read_text()
    pinned, locked = dict(PINNED.findall(text)), dict(PINNED.findall((ROOT / "requirements.lock").read_text()))
    assert locked.items() <= pinned.items()
    assert {"psycopg", "psycopg-binary", "fsspec"} <= pinned.keys()
    assert len(re.findall(r"--hash=sha256:", text)) >= len(pinned)
