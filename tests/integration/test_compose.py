"""docker-compose.yml: every service has health, a tag, and the hardening we promise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SEAWEEDFS = yaml.safe_load((ROOT / "docker-compose.seaweedfs.yml").read_text())
SERVICES: dict[str, dict] = COMPOSE["services"]
OURS = {name for name, service in SERVICES.items() if "build" in service}
ONE_SHOTS = {"bucket", "migrate", "token"}
WAITS = {"service_healthy", "service_completed_successfully"}


def strings_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for child in value.values():
            yield from strings_in(child)
    elif isinstance(value, list):
        for child in value:
            yield from strings_in(child)


def test_the_services_are_those_of_the_design():
    assert set(SERVICES) == {"postgres", "valkey", "minio", "api", "worker", "web"} | ONE_SHOTS
    assert {"api", "worker", "web"} | ONE_SHOTS == OURS


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_has_health_or_is_a_one_shot(name: str):
    service = SERVICES[name]

    assert ("healthcheck" in service) != (name in ONE_SHOTS)
    assert service["restart"] == ("no" if name in ONE_SHOTS else "unless-stopped")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_image_has_a_tag(name: str):
    image = re.sub(r"\$\{\w+:-(.*)\}", r"\1", SERVICES[name]["image"])

    assert re.fullmatch(r"[a-z0-9/-]+:[a-zA-Z0-9.-]+", image)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_hardened_and_bounded(name: str):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert {"mem_limit", "pids_limit", "tmpfs"} <= service.keys()


@pytest.mark.parametrize("name", sorted(OURS))
def test_ours_never_runs_as_root_and_has_time_to_drain(name: str):
    service = SERVICES[name]

    assert service["user"] == ("101:101" if name == "web" else "10001:10001")
    assert service["stop_grace_period"] == "40s"
    assert "cap_add" not in service


def test_only_the_web_service_is_published_and_only_on_this_machine():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {"web": ["127.0.0.1:${FORKPOINT_PORT:-4600}:8080"]}
    assert {tuple(service["networks"]) for service in SERVICES.values()} == {("forkpoint",)}


def test_nobody_starts_before_what_it_needs_is_ready():
    waits = {
        (name, needed, how["condition"])
        for name, service in SERVICES.items()
        for needed, how in service.get("depends_on", {}).items()
    }

    assert {condition for _, _, condition in waits} == WAITS
    for name in ("api", "worker"):
        assert {needed for who, needed, _ in waits if who == name} == {
            "bucket",
            "migrate",
            "valkey",
        }
    for _, needed, condition in waits:
        assert (condition == "service_completed_successfully") == (needed in ONE_SHOTS)


def test_postgres_keeps_its_data_above_the_directory_of_its_major():
    assert "postgres:/var/lib/postgresql" in SERVICES["postgres"]["volumes"]
    assert SERVICES["postgres"]["shm_size"] == "256m"


def test_no_service_but_postgres_knows_the_superuser_and_only_migrations_know_the_owner():
    def knowing(variable: str) -> set[str]:
        return {
            name
            for name, service in SERVICES.items()
            if any(variable in text for text in strings_in(service))
        }

    assert knowing("FORKPOINT_ADMIN_PASSWORD") == {"postgres"}
    assert knowing("FORKPOINT_OWNER_PASSWORD") == {"postgres", "migrate", "token"}
    assert knowing("FORKPOINT_WORKER_PASSWORD") == {"postgres", "worker"}


def test_only_workers_can_open_what_waits_sealed_and_know_the_key_of_tokens():
    for variable in ("FORKPOINT_SEAL_KEY", "FORKPOINT_REDACT_KEY"):
        assert variable in SERVICES["worker"]["environment"]
        assert [name for name in SERVICES if variable in str(SERVICES[name])] == ["worker"]


def test_no_secret_has_a_default():
    used = re.findall(r"\$\{(\w+)(:?[?-])", (ROOT / "docker-compose.yml").read_text())
    secrets = {(name, how) for name, how in used if re.search("PASSWORD|KEY", name)}

    assert {how for _, how in secrets} == {":?"}


def test_the_template_names_every_variable_and_holds_no_secret():
    text = (ROOT / "docker-compose.yml").read_text() + (
        ROOT / "docker-compose.seaweedfs.yml"
    ).read_text()
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", text)) - {"FORKPOINT_MINIO_IMAGE"}
    lines = [line for line in (ROOT / ".env.template").read_text().splitlines() if "=" in line[:60]]
    given = dict(line.split("=", 1) for line in lines if not line.startswith("#"))

    assert given.keys() == used
    assert {given[name] for name in used if re.search("PASSWORD|SECRET", name)} == {"random"}


def test_seaweedfs_asks_for_keys_and_reports_to_nobody():
    service = SEAWEEDFS["services"]["minio"]

    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} == service["environment"].keys()
    assert "-master.telemetry=false" in service["command"]
    assert service["image"] == "chrislusf/seaweedfs:4.48"
