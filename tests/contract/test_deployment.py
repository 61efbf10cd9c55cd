"""What is deployed is what `signalbox up` runs: the same commands, the same packages, topics made
before anybody starts.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.settings import CommandSettings
from cli.up.stack import SERVICES
from services.auditor.settings import AuditorSettings
from services.intake.settings import IntakeSettings, SmtpSettings
from services.notifier.settings import CourierSettings, FrontSettings, PagerSettings
from services.portal.settings import (
    PortalSettings,
    ProjectorSettings,
    PulseSettings,
    StatusSettings,
)
from services.router.settings import RouterSettings
from services.sla.settings import SlaSettings
from shared.kafka.settings import KafkaSettings
from shared.settings import Settings, secrets_of

ROOT = Path(__file__).parents[2]
DEPLOYED = {name: ["python", "-m", *words] for name, words in SERVICES.items() if name != "sink"}
TOPICS = ["python", "-m", "cli.main", "topics", "create"]

SETTINGS: dict[str, type[Settings]] = {
    "intake": IntakeSettings,
    "smtp": SmtpSettings,
    "router": RouterSettings,
    "sla": SlaSettings,
    "front": FrontSettings,
    "pager": PagerSettings,
    "courier": CourierSettings,
    "portal": PortalSettings,
    "status": StatusSettings,
    "projector": ProjectorSettings,
    "pulse": PulseSettings,
    "auditor": AuditorSettings,
}
"""What each process loads."""
KAFKA = secrets_of(KafkaSettings)
"""They come from a secret of the process's own."""


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def test_compose_runs_every_service_after_the_topics() -> None:
    services = documents(ROOT / "deploy/compose.yaml")[0]["services"]
    topics = services.pop("topics")
    commands = {
        name: service["command"]
        for name, service in services.items()
        if name not in ("kafka", "mongodb")
    }
    assert commands == DEPLOYED
    assert topics["command"] == TOPICS
    assert all(
        services[name]["depends_on"]["topics"]["condition"] == "service_completed_successfully"
        for name in DEPLOYED
    )


def test_kubernetes_runs_every_service() -> None:
    folder = ROOT / "deploy/kubernetes"
    sets = [
        document
        for name in ("workers", "http")
        for document in documents(folder / f"{name}.yaml")
        if document["kind"] == "StatefulSet"
    ]
    commands = {
        document["metadata"]["name"]: document["spec"]["template"]["spec"]["containers"][0]["args"]
        for document in sets
    }
    assert commands == DEPLOYED
    assert (
        documents(folder / "topics.yaml")[0]["spec"]["template"]["spec"]["containers"][0]["args"]
        == TOPICS
    )


def kubernetes_sets() -> dict[str, dict[str, Any]]:
    """Name → its container."""
    return {
        document["metadata"]["name"]: document["spec"]["template"]["spec"]["containers"][0]
        for name in ("workers", "http")
        for document in documents(ROOT / f"deploy/kubernetes/{name}.yaml")
        if document["kind"] == "StatefulSet"
    }


def test_the_table_says_what_each_process_loads() -> None:
    loaded = {
        found
        for path in (ROOT / "services").rglob("*.py")
        for found in re.findall(
            r"(?:\bload|_begin)\((?:\"\w+\", )?(\w+Settings)\)", path.read_text()
        )
    }
    assert loaded == {cls.__name__ for cls in SETTINGS.values()}
    assert SETTINGS.keys() == DEPLOYED.keys()


def test_secrets_are_known_by_the_settings() -> None:
    assert secrets_of(RouterSettings) == KAFKA
    assert secrets_of(ProjectorSettings) == {
        *KAFKA,
        "MONGODB_URI",
        "SIGNALBOX_FILES",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    }
    assert {"KAFKA_SASL_PASSWORD", "KAFKA_CLIENT_CERT_KEY"} < KAFKA


@pytest.mark.parametrize("part", sorted(DEPLOYED))
def test_a_pod_gets_the_secrets_that_its_process_reads_and_no_other(part: str) -> None:
    container = kubernetes_sets()[part]
    given = {
        variable["name"]: variable["valueFrom"]["secretKeyRef"]
        for variable in container.get("env", ())
        if "valueFrom" in variable
    }
    assert given.keys() == secrets_of(SETTINGS[part]) - KAFKA
    for name, reference in given.items():
        assert (reference["name"], reference["key"]) == ("signalbox", name)
    assert container["envFrom"] == [
        {"configMapRef": {"name": "signalbox"}},
        {"secretRef": {"name": f"signalbox-kafka-{part}", "optional": True}},
    ]


def test_what_all_pods_get_holds_no_secret() -> None:
    folder = ROOT / "deploy/kubernetes"
    (kustomization,) = documents(folder / "kustomization.yaml")
    (shared,) = documents(folder / "shared-by-all.yaml")
    (main,) = shared["spec"]["template"]["spec"]["containers"]
    literals = {
        line.partition("=")[0]
        for generator in kustomization["configMapGenerator"]
        for line in generator["literals"]
    }
    every = frozenset().union(*(secrets_of(cls) for cls in (*SETTINGS.values(), CommandSettings)))
    assert literals & every == {"KAFKA_BOOTSTRAP_SERVERS"}
    assert "envFrom" not in main
    assert not [variable for variable in main["env"] if "secretKeyRef" in str(variable)]
    assert not [found for found in documents(folder / "topics.yaml") if "MONGODB" in str(found)]


@pytest.mark.parametrize("part", sorted(DEPLOYED))
def test_a_container_gets_the_secrets_that_its_process_reads_and_no_other(part: str) -> None:
    given = documents(ROOT / "deploy/compose.yaml")[0]["services"][part]["environment"]
    kept = {
        "SIGNALBOX_SECRET",
        "MONGODB_URI",
        "SIGNALBOX_ALERTS_SECRET",
        "SIGNALBOX_FILES",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    }
    assert given.keys() & kept == secrets_of(SETTINGS[part]) & kept


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not here")
def test_kustomize_builds_with_the_shared_parts_in_every_set() -> None:
    built = subprocess.run(
        ["kubectl", "kustomize", str(ROOT / "deploy/kubernetes")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    sets = [document for document in yaml.safe_load_all(built) if document["kind"] == "StatefulSet"]
    assert {document["metadata"]["name"] for document in sets} == DEPLOYED.keys()
    for document in sets:
        (main,) = document["spec"]["template"]["spec"]["containers"]
        part = document["metadata"]["name"]
        assert "SIGNALBOX_INSTANCE" in {variable["name"] for variable in main["env"]}
        assert {
            variable["name"] for variable in main["env"] if "secretKeyRef" in str(variable)
        } == secrets_of(SETTINGS[part]) - KAFKA
        assert main["securityContext"]["readOnlyRootFilesystem"]
        assert "/data" in {mount["mountPath"] for mount in main["volumeMounts"]}
        assert {"livenessProbe", "readinessProbe", "startupProbe"} <= main.keys()


def test_the_image_runs_the_versions_that_were_tested() -> None:
    def pins(name: str) -> set[str]:
        return set(
            re.findall(r"^[A-Za-z0-9_.-]+==[^\s;\\]+", (ROOT / name).read_text(), re.MULTILINE)
        )

    assert pins("requirements-run.lock")
    assert pins("requirements-run.lock") <= pins("requirements.lock")


@pytest.mark.parametrize(
    "name",
    [
        "requirements.lock",
        "requirements-run.lock",
        "deploy/embedded/kafka/pom.xml",
        "deploy/need.sh",
        "Makefile",
    ],
)
def test_no_file_names_a_registry(name: str) -> None:
    text = (ROOT / name).read_text().replace("http://127.0.0.1:8000", "")
    hosts = re.findall(r"https?://([^/\s\"]+)", text)
    assert set(hosts) <= {"maven.apache.org", "www.w3.org"}, "the pom's name spaces alone"
