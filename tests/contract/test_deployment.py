"""What is deployed is what `signalbox up` runs: the same commands, the same packages, topics made before anybody starts."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.stack import SERVICES

ROOT = Path(__file__).parents[2]
DEPLOYED = {name: ["python", "-m", *words] for name, words in SERVICES.items() if name != "sink"}
TOPICS = ["python", "-m", "cli.main", "topics", "create"]


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def test_compose_runs_every_service_after_the_topics() -> None:
    services = documents(ROOT / "deploy/compose.yaml")[0]["services"]
    topics = services.pop("topics")
    commands = {name: service["command"] for name, service in services.items() if name not in ("kafka", "mongodb")}
    assert commands == DEPLOYED
    assert topics["command"] == TOPICS
    assert all(services[name]["depends_on"]["topics"]["condition"] == "service_completed_successfully" for name in DEPLOYED)


def test_kubernetes_runs_every_service() -> None:
    folder = ROOT / "deploy/kubernetes"
    sets = [
        document for name in ("workers", "http") for document in documents(folder / f"{name}.yaml") if document["kind"] == "StatefulSet"
    ]
    commands = {document["metadata"]["name"]: document["spec"]["template"]["spec"]["containers"][0]["args"] for document in sets}
    assert commands == DEPLOYED
    assert documents(folder / "topics.yaml")[0]["spec"]["template"]["spec"]["containers"][0]["args"] == TOPICS


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not here")
def test_kustomize_builds_with_the_shared_parts_in_every_set() -> None:
    built = subprocess.run(["kubectl", "kustomize", str(ROOT / "deploy/kubernetes")], capture_output=True, text=True, check=True).stdout
    sets = [document for document in yaml.safe_load_all(built) if document["kind"] == "StatefulSet"]
    assert {document["metadata"]["name"] for document in sets} == DEPLOYED.keys()
    for document in sets:
        (main,) = document["spec"]["template"]["spec"]["containers"]
        assert [variable["name"] for variable in main["env"]] == ["SIGNALBOX_INSTANCE"], document["metadata"]["name"]
        assert main["securityContext"]["readOnlyRootFilesystem"]
        assert "/data" in {mount["mountPath"] for mount in main["volumeMounts"]}
        assert {"livenessProbe", "readinessProbe", "startupProbe"} <= main.keys()


def test_the_image_runs_the_versions_that_were_tested() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[A-Za-z0-9_.-]+==[^\s;\\]+", (ROOT / name).read_text(), re.MULTILINE))

    assert pins("requirements-run.lock")
    assert pins("requirements-run.lock") <= pins("requirements.lock")


@pytest.mark.parametrize(
    "name", ["requirements.lock", "requirements-run.lock", "deploy/embedded/kafka/pom.xml", "deploy/need.sh", "Makefile"]
)
def test_no_file_names_a_registry(name: str) -> None:
    text = (ROOT / name).read_text().replace("http://127.0.0.1:8000", "")
    hosts = re.findall(r"https?://([^/\s\"]+)", text)
    assert set(hosts) <= {"maven.apache.org", "www.w3.org"}, "the pom's name spaces alone"
