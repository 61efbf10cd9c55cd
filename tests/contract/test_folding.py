"""Addresses are compared by one function: no other place maps the letters of an address."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.costly

ROOT = Path(__file__).resolve().parents[2]
ADDRESSES = re.compile(
    r"email|address|person\b|people|requester|participant|\bby\b|_by\b|sender|mailbox|\baccount\b"
    r"|mail_from|recipient|\bsupport|agent|admin\b|owner|author\b|\bto\b|sent_to|asked_for|user"
    r"|^p$"
)
"""What an address is called."""
MAPS = {"lower", "casefold", "upper", "swapcase"}
NOT_ADDRESSES = {
    ("shared/people/folding.py", "address"): "the function itself, and only for ASCII",
}


def mapped(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each call that maps the letters of an address, `str.lower` as a value too."""
    text = path.read_text()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Attribute) or node.attr not in MAPS:
            continue
        of = ast.get_source_segment(text, node.value) or ""
        if of == "str" or ADDRESSES.search(of):
            yield node.lineno, of


def test_only_one_function_maps_addresses() -> None:
    found = [
        f"{name}:{line}: {of}"
        for folder in ("services", "shared", "cli", "deploy")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, of in mapped(path)
        if (name := str(path.relative_to(ROOT)), of) not in NOT_ADDRESSES
    ]
    assert found == [], "compare addresses with shared.people.folding"


def test_the_scan_sees_what_it_is_for(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("a = actor.email.lower() == row['by'].casefold()\nb = map(str.lower, all)\n")
    assert sorted((line for line, _ in mapped(file)), reverse=True) == [2, 1, 1]
