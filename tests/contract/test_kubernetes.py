"""The manifests: valid by the schemas of Kubernetes, and by the CRDs of the operators; nothing runs
as root, nothing is reached that should not be, and every part can be drained, moved and watched.

`kubectl kustomize` builds them (Debian: kubernetes-client); without it these tests are skipped.
`SIGNALBOX_CRDS` names a folder with the CRDs of Strimzi, MongoDB's operator and KEDA (`kubectl get
crd -o yaml`, or their repositories' files): the custom resources are then held to them too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import kubernetes_validate
import pytest
import yaml

from cli.settings import CommandSettings
from cli.up.stack import SERVICES
from services.portal.operations.lags import GROUPS
from shared.settings import EdgeSettings

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
COMPONENTS = ("keda", "strimzi", "mongodb")
PARTS = set(SERVICES) - {"sink"}
SERVES = {"intake", "smtp", "portal", "status"}
VERSIONS = ("1.31", "1.34")
CRDS = os.environ.get("SIGNALBOX_CRDS")

Document = dict[str, Any]

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not here")


def build(folder: Path) -> list[Document]:
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


@pytest.fixture(scope="module")
def built() -> list[Document]:
    return build(FOLDER)


@pytest.fixture(scope="module")
def with_components(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    """An overlay, as an operator writes one."""
    overlay = tmp_path_factory.mktemp("overlay").resolve()
    base = os.path.relpath(FOLDER, overlay)
    document = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [base],
        "components": [f"{base}/components/{name}" for name in COMPONENTS],
    }
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(document))
    return build(overlay)


def of_kind(documents: list[Document], *kinds: str) -> list[Document]:
    found = [document for document in documents if document["kind"] in kinds]
    assert found, kinds
    return found


def pods(documents: list[Document]) -> dict[str, Document]:
    return {
        document["metadata"]["name"]: document["spec"]["template"]
        for document in of_kind(documents, "StatefulSet", "Job")
    }


def is_custom(document: Document) -> bool:
    group = document["apiVersion"].partition("/")[0]
    return "." in group and not group.endswith("k8s.io")


@pytest.mark.parametrize("version", VERSIONS)
def test_valid_by_the_schemas_of_kubernetes(built: list[Document], version: str) -> None:
    for document in built:
        kubernetes_validate.validate(document, version, strict=True)


def test_the_schemas_find_a_mistake(built: list[Document]) -> None:
    (job,) = of_kind(built, "Job")
    wrong = {**job, "spec": {**job["spec"], "backofLimit": 3}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_nothing_runs_as_root(built: list[Document]) -> None:
    found = pods(built)
    assert found.keys() == PARTS | {"topics"}
    for name, template in found.items():
        spec = template["spec"]
        (main,) = spec["containers"]
        context, own = spec["securityContext"], main["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] == 10001, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert own["allowPrivilegeEscalation"] is False, name
        assert own["readOnlyRootFilesystem"] is True, name
        assert own["capabilities"] == {"drop": ["ALL"]}, name
        assert {"/tmp", "/data"} <= {mount["mountPath"] for mount in main["volumeMounts"]}, name
        assert main["resources"]["limits"]["memory"], name


def test_the_image_has_the_user_of_the_manifests() -> None:
    lines = (FOLDER.parent / "Dockerfile").read_text().splitlines()
    assert [line.split()[1] for line in lines if line.startswith("USER")] == ["10001:10001"]


def test_every_part_has_a_budget_and_is_spread(built: list[Document]) -> None:
    budgets = of_kind(built, "PodDisruptionBudget")
    selected = {each["spec"]["selector"]["matchLabels"]["signalbox/part"] for each in budgets}
    assert selected == PARTS
    for name, template in pods(built).items():
        if name == "topics":
            continue
        assert template["metadata"]["labels"]["signalbox/part"] == name
        keys = {each["topologyKey"] for each in template["spec"]["topologySpreadConstraints"]}
        assert keys == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}


def test_probes_wait_long_enough_and_notice_soon_enough(built: list[Document]) -> None:
    drain = EdgeSettings().drain
    for name, template in pods(built).items():
        if name == "topics":
            continue
        (main,) = template["spec"]["containers"]
        startup, ready = main["startupProbe"], main["readinessProbe"]
        assert startup["failureThreshold"] * startup.get("periodSeconds", 10) >= 600, name
        assert {each["httpGet"]["path"] for each in (startup, main["livenessProbe"])} == {"/livez"}
        assert template["spec"]["terminationGracePeriodSeconds"] > drain + 20
        if name in SERVES - {"smtp"}:
            asked = ready["periodSeconds"] * ready["failureThreshold"]
            assert asked + ready["timeoutSeconds"] < drain, name


def test_metrics_are_reached_by_the_monitoring_alone(built: list[Document]) -> None:
    ports = {
        name: {port["name"]: port["containerPort"] for port in container.get("ports", [])}
        for name, template in pods(built).items()
        for container in template["spec"]["containers"]
    }
    assert {name for name, found in ports.items() if found.get("metrics") == 9100} == PARTS
    for service in of_kind(built, "Service"):
        for port in service["spec"].get("ports", []):
            assert port.get("targetPort") not in (9100, "metrics"), service["metadata"]["name"]
    policies = {each["metadata"]["name"]: each["spec"] for each in of_kind(built, "NetworkPolicy")}
    assert policies["nothing-comes-in"]["policyTypes"] == ["Ingress"]
    assert "ingress" not in policies["nothing-comes-in"]
    opened: dict[int, list[str]] = {}
    for name, spec in policies.items():
        for rule in spec.get("ingress", []):
            for port in rule["ports"]:
                opened.setdefault(port["port"], []).append(name)
    assert opened == {
        9100: ["metrics"],
        8000: ["portal"],
        8001: ["intake"],
        8002: ["status"],
        2525: ["smtp"],
    }
    (metrics,) = policies["metrics"]["ingress"]
    assert len(metrics["from"]) == 2


def test_the_public_addresses_have_tls_and_a_service(built: list[Document]) -> None:
    services = {
        each["metadata"]["name"]: {port["name"] for port in each["spec"].get("ports", [])}
        for each in of_kind(built, "Service")
    }
    for ingress in of_kind(built, "Ingress"):
        spec = ingress["spec"]
        secured = {host for each in spec["tls"] for host in each["hosts"]}
        for rule in spec["rules"]:
            assert rule["host"] in secured
            for path in rule["http"]["paths"]:
                service = path["backend"]["service"]
                assert service["port"]["name"] in services[service["name"]]


def test_the_auditor_asks_everybody_and_can_tell(built: list[Document]) -> None:
    (main,) = pods(built)["auditor"]["spec"]["containers"]
    env = {each["name"]: each for each in main["env"]}
    asked = dict(pair.split("=", 1) for pair in env["SIGNALBOX_PROBES"]["value"].split())
    assert asked.keys() == PARTS - {"auditor", "smtp"}
    assert "SIGNALBOX_ALERTS_SECRET" in env


def test_workers_scale_by_the_lag_of_their_own_group(with_components: list[Document]) -> None:
    prefix = CommandSettings().topic_prefix
    found = of_kind(with_components, "ScaledObject")
    assert {each["spec"]["scaleTargetRef"]["name"] for each in found} == {
        "router",
        "sla",
        "front",
        "pager",
        "courier",
    }
    for each in found:
        name = each["spec"]["scaleTargetRef"]["name"]
        (trigger,) = each["spec"]["triggers"]
        assert trigger["metadata"]["consumerGroup"] == prefix + GROUPS[name]
        assert each["spec"]["maxReplicaCount"] <= CommandSettings().topic_partitions
        assert each["spec"]["minReplicaCount"] >= 1


def test_the_operators_make_what_the_services_ask_for(with_components: list[Document]) -> None:
    (config,) = of_kind(with_components, "ConfigMap")
    kafka = next(each for each in of_kind(with_components, "Kafka"))
    port = kafka["spec"]["kafka"]["listeners"][0]["port"]
    name = kafka["metadata"]["name"]
    assert config["data"]["KAFKA_BOOTSTRAP_SERVERS"] == f"{name}-kafka-bootstrap:{port}"
    settings = kafka["spec"]["kafka"]["config"]
    assert settings["default.replication.factor"] == int(
        config["data"]["SIGNALBOX_TOPIC_REPLICATION"]
    )
    assert settings["min.insync.replicas"] == 2
    assert settings["unclean.leader.election.enable"] is False
    assert settings["log.retention.ms"] == -1
    (mongodb,) = of_kind(with_components, "MongoDBCommunity")
    (user,) = mongodb["spec"]["users"]
    assert user["db"] == CommandSettings().mongodb_database
    assert mongodb["spec"]["members"] == 3


def closed(schema: Any) -> Any:
    """A CRD's schema in which a field that it does not know is a mistake; the API server would
    leave it out without a word.
    """
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(each) for name, each in schema.items() if name != "format"}
    free = "additionalProperties" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and not free:
        made["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    return made


@pytest.mark.skipif(CRDS is None, reason="SIGNALBOX_CRDS names no folder")
def test_custom_resources_by_their_own_definitions(with_components: list[Document]) -> None:
    schemas: dict[tuple[str, str], Any] = {}
    for path in Path(CRDS or "").glob("*.yaml"):
        for document in yaml.safe_load_all(path.read_text()):
            group, kind = document["spec"]["group"], document["spec"]["names"]["kind"]
            for version in document["spec"]["versions"]:
                spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
                schemas[f"{group}/{version['name']}", kind] = closed(spec)
    custom = [document for document in with_components if is_custom(document)]
    assert {document["kind"] for document in custom} == {
        "Kafka",
        "KafkaNodePool",
        "MongoDBCommunity",
        "ScaledObject",
    }
    for document in custom:
        schema = schemas[document["apiVersion"], document["kind"]]
        mistakes = [
            f"{'/'.join(map(str, error.instance_path))}: {error.message}"
            for error in jsonschema_rs.validator_for(schema).iter_errors(document["spec"])
        ]
        assert not mistakes, (document["kind"], mistakes)
