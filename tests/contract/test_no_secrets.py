"""The repository holds nothing that looks like a secret, but for what the demo publishes on
purpose.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from kingfisher_sdk import Rules, Scanner

ROOT = Path(__file__).parents[2]
PUBLISHED = {
    "README.md": "the demo's API tokens",
    "docs/api.md": "the same",
    "docs/tour.md": "the same",
    "deploy/demo/dkim.pem": "the key with which the demo signs its customers' mail",
}
NO_SECRETS = ("heroku-api-key", "-url")
"""Rules that find request ids and addresses of services."""


def test_a_scanner_finds_nothing() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert names or not (ROOT / ".git").exists(), listed.stderr
    scanner = Scanner(Rules(confidence="high"), base64=False)
    found = [
        f"{name}:{finding.location['line']}: {finding.rule_id}"
        for name in names
        if name not in PUBLISHED
        for finding in scanner.scan_file(str(ROOT / name))
        if finding.visible and not any(rule in finding.rule_id for rule in NO_SECRETS)
    ]
    assert found == []
