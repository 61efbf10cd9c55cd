"""`signalbox doctor`: is everything here that a run or the tests need, and if not, what to do about
it.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.markup import escape

MARK = {"ok": "[green]ok  [/]", "warning": "[yellow]note[/]", "missing": "[red]MISS[/]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list of findings.")] = False,
) -> None:
    """Look over this machine. Exit code 1 if something needed is missing."""
    from cli.doctor.machine import examine

    findings = examine()
    if as_json:
        typer.echo(orjson.dumps([asdict(finding) for finding in findings]))
    else:
        console = Console()
        for finding in findings:
            console.print(
                # Escaped: what a program says may look like markup.
                f"{MARK[finding.state]}  {finding.name:<9} {escape(finding.found)}",
                highlight=False,
                soft_wrap=True,
            )
            if finding.advice:
                console.print(
                    f"                → {escape(finding.advice)}", highlight=False, soft_wrap=True
                )
    raise typer.Exit(int(any(finding.state == "missing" for finding in findings)))
