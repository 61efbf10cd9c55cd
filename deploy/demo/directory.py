"""The demo's reference data as directory documents and policy documents: pure reading of the YAML
files beside it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from shared.people.demo_origin import mark
from shared.yaml_text import plain_value

HERE = Path(__file__).parent
POLICIES = HERE.parent / "policies"
BRAND = HERE / "brand.yaml"
PASSWORD = "demo"  # the published password of the demo's identities
SINK = "http://127.0.0.1:8025"

Kind = Literal["accounts", "apps", "providers", "tokens", "credentials"]


class DemoDocument(NamedTuple):
    """`body` in the shape of DESIGN section 7, "Directory documents"."""

    kind: Kind
    id: str
    body: dict[str, Any]


def _fill_template(path: Path, sink_url: str) -> dict[str, Any]:
    """A copy of the caller's own: the text itself is read once."""
    # A copy: callers change what they get (`lived_in.py` puts a rota in).
    found: dict[str, Any] = deepcopy(_read(path, sink_url.rstrip("/")))
    return found


@cache
def _read(path: Path, sink_url: str) -> dict[str, Any]:
    # The far end's address is the one thing in these files that differs by installation.
    found: dict[str, Any] = plain_value(path.read_text().replace("${SINK}", sink_url))
    return found


def token_of(email: str) -> str:
    """The API token of a demo account: `demo-<name>`."""
    return f"demo-{email.partition('@')[0]}"


def token_id(token: str) -> str:
    """The document id of a token in kind `tokens`: its SHA-256 in hex, so the directory holds no
    token.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def webhook_secret(slug: str) -> str:
    """What a demo provider verifies our webhooks with; as public as the demo's password."""
    return (
        "whsec_"
        + base64.b64encode(hashlib.sha256(f"demo-webhook-{slug}".encode()).digest()).decode()
    )


def documents(sink_url: str = SINK) -> Iterator[DemoDocument]:
    """Accounts, their API tokens, apps and providers. Passwords are not among them: see
    `deploy/demo/seed.py`.
    """
    read = _fill_template(HERE / "directory.yaml", sink_url)
    for email, account in read["accounts"].items():
        yield DemoDocument("accounts", email, {"email": email, **account})
        # Marked as the demo's: outside of the demo such a token opens nothing.
        yield DemoDocument(
            "tokens", token_id(token_of(email)), mark({"email": email, "name": "demo"})
        )
    apps = read["apps"]
    for owner, more in apps["owners"].items():
        for stage in apps["stages"]:
            name = f"{owner}-{stage}"
            body = {
                "name": name,
                "owner": f"{owner}@example.com",
                **more,
                "stage": stage,
                "addons": list(apps["addons"]),
            }
            yield DemoDocument("apps", name, body)
    for slug, provider in read["providers"].items():
        yield DemoDocument(
            "providers", slug, {"slug": slug, **provider, "webhook_secret": webhook_secret(slug)}
        )


def policies(sink_url: str = SINK) -> dict[str, dict[str, Any]]:
    """Policy document name → document: those of `deploy/policies/`, and the demo's own name."""
    # The policies as shipped, so that the demo shows what a new installation gets.
    paths = (*sorted(POLICIES.glob("*.yaml")), BRAND)
    return {path.stem: _fill_template(path, sink_url) for path in paths}
