"""`signalbox directory load`: accounts, apps, providers and teams from a file. Loading it twice
changes nothing the second time.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import client
from cli.client import DEFAULT_URL, AsJson, Token, Url
from cli.documents.directory_file import DirectoryEntry, DirectoryText, batches, read, read_csv

app = typer.Typer(
    help="The directory: who there is, which apps and which add-on providers.", no_args_is_help=True
)

# Documents and bytes of one request: intake takes at most 256 KiB.
TOGETHER = 100
BYTES = 180_000


@app.command()
def load(
    file: Annotated[
        Path,
        typer.Argument(
            help="YAML or JSON: kinds, under them ids, under them documents; or a table as CSV.",
            exists=True,
            dir_okay=False,
        ),
    ],
    token: Token,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Publish what differs from what stands there. Exit code 1 where the file has a mistake: then
    nothing is published.
    """
    try:
        # By the file's ending: a table can look like YAML.
        reads = read_csv if file.suffix.lower() == ".csv" else read
        found = reads(file.read_text())
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{file} is no UTF-8: {error}") from error
    if found.mistakes:
        _refuse(file, found, as_json)
    done = client.run(_load(url, token, found, dry_run), url, as_json)
    if as_json:
        client.show_json(done)
    else:
        _tell(file, done)


async def _load(url: str, token: str, found: DirectoryText, dry_run: bool) -> dict[str, Any]:
    """First all of it dry, so that a mistake in the last batch leaves nothing of the first behind;
    then what changes.
    """
    async with client.api(url) as api:
        items: list[dict[str, Any]] = []
        changing: list[DirectoryEntry] = []
        # Dry first, all batches: intake checks against what is there, and a refusal publishes
        # nothing.
        for batch in batches(found.entries, TOGETHER, BYTES):
            said, _ = await api.call(
                "POST",
                "/v1/directory?dry_run=true",
                token=token,
                json={"documents": [entry.sent for entry in batch]},
            )
            items += said["items"]
            changing += [
                entry
                for entry, item in zip(batch, said["items"], strict=True)
                if item["change"] != "unchanged"
            ]
        # Only what changes: loading a file twice writes nothing.
        if not dry_run:
            for batch in batches(tuple(changing), TOGETHER, BYTES):
                await api.call(
                    "POST",
                    "/v1/directory",
                    token=token,
                    json={"documents": [entry.sent for entry in batch]},
                )
    counts = Counter(item["change"] for item in items)
    changes = [item for item in items if item["change"] != "unchanged"]
    return {
        "dry_run": dry_run,
        "counts": dict(counts),
        "changes": [_change(item) for item in changes],
        "warnings": _warnings(found, items),
    }


def _change(item: dict[str, Any]) -> dict[str, Any]:
    return {name: item[name] for name in ("kind", "id", "change", "fields")}


def _warnings(found: DirectoryText, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is named and not there, unless it comes with this very file, in another batch."""
    # A later batch of this file may bring what an earlier one names.
    coming = {f"{entry.kind}:{entry.id}" for entry in found.entries if entry.document is not None}
    return [
        {
            "line": found.line_of(item["kind"], item["id"], warning["pointer"]),
            "path": f"{item['kind']}/{item['id']}{warning['pointer'][1:]}",
            "detail": warning["detail"],
        }
        for item in items
        for warning in item["warnings"]
        if warning["refers"] not in coming
    ]


def _tell(file: Path, done: dict[str, Any]) -> None:
    for item in done["changes"]:
        fields = "; ".join(
            f"{field['field']}: {field['before']} → {field['after']}" for field in item["fields"]
        )
        client.out.print(
            f"  {item['change']:9} {item['kind']}/{item['id']}  {fields}".rstrip(),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    # Warnings go to standard error, so that the changes can be piped.
    for warning in done["warnings"]:
        client.err.print(
            f"{file}:{warning['line']}: {warning['path']}: {warning['detail']}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    counts = done["counts"]
    words = ", ".join(
        f"{counts.get(change, 0)} {change}"
        for change in ("created", "changed", "removed", "unchanged")
    )
    client.out.print(
        words + (" (dry run: nothing is published)" if done["dry_run"] else ""), highlight=False
    )


def _refuse(file: Path, found: DirectoryText, as_json: bool) -> None:
    if as_json:
        mistakes = [
            {"line": mistake.line, "path": mistake.path, "detail": mistake.words}
            for mistake in found.mistakes
        ]
        client.show_json({"status": 422, "type": "/problems/invalid", "mistakes": mistakes})
    else:
        for mistake in found.mistakes:
            where = f"{file}:{mistake.line}: " + (f"{mistake.path}: " if mistake.path else "")
            client.err.print(where + mistake.words, markup=False, highlight=False, soft_wrap=True)
        client.err.print(f"{len(found.mistakes)} mistakes; nothing is published")
    raise typer.Exit(client.REFUSED)
