"""A directory file is read with every mistake's line and path; a good one gives documents in an
order they can be loaded in.
"""

from __future__ import annotations

import pytest

from cli.documents.directory_file import batches, read

GOOD = """\
apps:
  shop:
    owner: Rae@example.com
    collaborators: [kim@example.com]
    stage: production
accounts:
  Rae@example.com: {name: Rae, plan: premium, roles: [requester]}
  gone@example.com: null
"""


def test_documents_name_themselves_by_their_id_and_come_in_order() -> None:
    found = read(GOOD)
    assert found.mistakes == ()
    assert [(entry.kind, entry.id, entry.line) for entry in found.entries] == [
        ("accounts", "rae@example.com", 7),
        ("accounts", "gone@example.com", 8),
        ("apps", "shop", 2),
    ]
    assert found.entries[0].document == {
        "email": "rae@example.com",
        "name": "Rae",
        "plan": "premium",
        "roles": ["requester"],
    }
    assert found.entries[1].document is None
    assert found.line_of("apps", "shop", "#/collaborators/0") == 4
    assert found.line_of("apps", "shop", "#/nowhere") == 2


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "words"),
    [
        ("plan: premium", "plan: gold", 7, "accounts/Rae@example.com/plan", "Input should be"),
        ("plan: premium, ", "", 7, "accounts/Rae@example.com/plan", "required"),
        ("name: Rae", "nam: Rae", 7, "accounts/Rae@example.com/nam", "not permitted"),
        ("owner: Rae@example.com", "owner: Rae", 3, "apps/shop/owner", "no e-mail address"),
        (
            "[kim@example.com]",
            '["a b@example.com"]',
            4,
            "apps/shop/collaborators/0",
            "no e-mail address",
        ),
        ("accounts:", "acounts:", 6, "acounts", "did you mean accounts?"),
        (
            "  gone@example.com: null",
            "  rae@example.com: [1]",
            8,
            "accounts/rae@example.com",
            "mapping of fields",
        ),
        (
            "    stage: production\n",
            "    stage: production\n    stage: staging\n",
            6,
            "apps.shop.stage",
            "there twice",
        ),
        ("stage: production", "stage: [", 7, "", "no YAML"),
    ],
)
def test_a_mistake_is_told_with_line_and_path(
    old: str, new: str, line: int, path: str, words: str
) -> None:
    assert old in GOOD
    found = read(GOOD.replace(old, new, 1))
    assert [(mistake.line, mistake.path) for mistake in found.mistakes] == [(line, path)]
    assert words in found.mistakes[0].words


@pytest.mark.parametrize("text", ["", "- a", "just words", "accounts: 3"])
def test_what_is_no_directory_is_refused(text: str) -> None:
    assert read(text).mistakes


def test_batches_hold_everything_once_and_stay_small() -> None:
    text = "accounts:\n" + "".join(
        f"  a{n}@example.com: {{plan: free, name: {'x' * 50}}}\n" for n in range(250)
    )
    entries = read(text).entries
    made = list(batches(entries, 100, 180_000))
    assert [len(batch) for batch in made] == [100, 100, 50]
    assert [entry for batch in made for entry in batch] == list(entries)
    assert all(len(batch) <= 20 for batch in batches(entries, 100, 3_000))
