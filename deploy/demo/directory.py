"""The demo's reference data as directory documents and policy documents: pure reading of the YAML files beside it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

HERE = Path(__file__).parent
POLICIES = HERE.parent / "policies"
PASSWORD = "demo"  # the published password of the demo's identities
SINK = "http://127.0.0.1:8025"

Kind = Literal["accounts", "apps", "providers", "tokens", "credentials"]


class Document(NamedTuple):
    """`body` in the shape of DESIGN section 7, "Directory documents"."""

    kind: Kind
    id: str
    body: dict[str, Any]


def _filled(path: Path, sink_url: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text().replace("${SINK}", sink_url.rstrip("/")))
    return found


def token_of(email: str) -> str:
    """The API token of a demo account: `demo-<name>`."""
    return f"demo-{email.partition('@')[0]}"


def token_id(token: str) -> str:
    """The document id of a token in kind `tokens`: its SHA-256 in hex, so the directory holds no token."""
    return hashlib.sha256(token.encode()).hexdigest()


def webhook_secret(slug: str) -> str:
    """What a demo provider verifies our webhooks with; as public as the demo's password."""
    return "whsec_" + base64.b64encode(hashlib.sha256(f"demo-webhook-{slug}".encode()).digest()).decode()


def documents(sink_url: str = SINK) -> Iterator[Document]:
    """Accounts, their API tokens, apps and providers. Passwords are not among them: see `deploy/demo/seed.py`."""
    read = _filled(HERE / "directory.yaml", sink_url)
    for email, account in read["accounts"].items():
        yield Document("accounts", email, {"email": email, **account})
        yield Document("tokens", token_id(token_of(email)), {"email": email, "name": "demo"})
    apps = read["apps"]
    for owner, more in apps["owners"].items():
        for stage in apps["stages"]:
            name = f"{owner}-{stage}"
            body = {"name": name, "owner": f"{owner}@example.com", **more, "stage": stage, "addons": list(apps["addons"])}
            yield Document("apps", name, body)
    for slug, provider in read["providers"].items():
        yield Document("providers", slug, {"slug": slug, **provider, "webhook_secret": webhook_secret(slug)})


def policies(sink_url: str = SINK) -> dict[str, dict[str, Any]]:
    """Policy document name → document, from `deploy/policies/`."""
    return {path.stem: _filled(path, sink_url) for path in sorted(POLICIES.glob("*.yaml"))}
