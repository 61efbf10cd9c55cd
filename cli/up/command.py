"""`signalbox up`: everything on one machine, kept alive until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def up(
    demo: Annotated[
        bool,
        typer.Option(
            envvar="SIGNALBOX_DEMO", help="Load the demo's people and apps, run its far end."
        ),
    ] = False,
    lived_in: Annotated[
        bool,
        typer.Option(
            help="With --demo: write two weeks of history, as a desk at work would look. It pages "
            "nobody and mails nobody."
        ),
    ] = False,
    only: Annotated[
        str,
        typer.Option(help="Run these services alone, comma-separated; `engines`: none of them."),
    ] = "",
    without: Annotated[str, typer.Option(help="Leave these services out, comma-separated.")] = "",
    port_base: Annotated[
        int | None,
        typer.Option(envvar="SIGNALBOX_PORT_BASE", help="Put all ports in the 25 from here."),
    ] = None,
    free_ports: Annotated[
        bool, typer.Option(help="Where a port is taken, use a free one instead of stopping.")
    ] = False,
    clock_file: Annotated[
        Path | None,
        typer.Option(help="Steer the services' clock by the offset in this file (tests)."),
    ] = None,
    data_dir: Annotated[
        Path, typer.Option(envvar="SIGNALBOX_DATA_DIR", help="Where everything is kept.")
    ] = Path(".data"),
    patience: Annotated[
        float, typer.Option(help="Seconds that each part may take until it answers.")
    ] = 90.0,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Progress as JSON lines, the last of them with ready: true."),
    ] = False,
) -> None:
    """Run all of Signalbox here, with Kafka and MongoDB unless KAFKA_BOOTSTRAP_SERVERS or
    MONGODB_URI name yours.
    """
    # Imported here: `--help` of all commands stays quick.
    from cli.up.launch import Options, launch

    options = Options(
        demo=demo,
        lived_in=demo and lived_in,
        only=_words(only),
        without=_words(without),
        port_base=port_base,
        free_ports=free_ports,
        clock_file=clock_file,
        data_dir=data_dir,
        patience=patience,
        as_json=as_json,
    )
    raise typer.Exit(launch(options))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
