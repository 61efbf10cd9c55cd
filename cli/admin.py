"""`signalbox admin create EMAIL`: a link by which somebody becomes an administrator, or one who
forgot the password sets a new one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cli import client
from cli.client import DEFAULT_URL, AsJson, Url
from cli.up.setup_link import ask_for_link, ask_for_reset

app = typer.Typer(help="Administrators of this installation.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Administrators of this installation."""


@app.command()
def create(
    email: Annotated[str, typer.Argument(help="The address they will sign in with.")],
    data_dir: Annotated[
        Path,
        typer.Option(envvar="SIGNALBOX_DATA_DIR", help="Where `signalbox up` keeps its secret."),
    ] = Path(".data"),
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Print a link that is good once, for 24 hours. Needs the secret of the installation: from
    SIGNALBOX_SECRET, SIGNALBOX_SECRET_FILE, or the data folder.
    """
    made = client.run(ask_for_link(url, _secret(data_dir), email), url, as_json)
    link = url.rstrip("/") + made["path"]
    if as_json:
        client.show_json({"url": link, "expires_at": made["expires_at"]})
    else:
        client.out.print(f"{email} becomes an administrator by this link, once, within 24 hours:")
        client.out.print(link, soft_wrap=True, highlight=False)


@app.command("reset-second-step")
def reset_second_step(
    email: Annotated[str, typer.Argument(help="The address of the account.")],
    data_dir: Annotated[
        Path,
        typer.Option(envvar="SIGNALBOX_DATA_DIR", help="Where `signalbox up` keeps its secret."),
    ] = Path(".data"),
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Switch somebody's second step off, who has lost the device and the recovery codes. It is
    recorded, and they are told by mail. Needs the secret of the installation, as `create` does.
    """
    found = client.run(ask_for_reset(url, _secret(data_dir), email), url, as_json)
    if as_json:
        client.show_json(found)
    elif found["was_on"]:
        client.out.print(f"The second step of {email} is off: the password alone lets them in.")
    else:
        client.out.print(f"{email} had no second step.")


def _secret(data_dir: Path) -> str:
    # In the order in which services look for it.
    if given := os.environ.get("SIGNALBOX_SECRET"):
        return given
    path = Path(os.environ.get("SIGNALBOX_SECRET_FILE") or data_dir / "secret")
    try:
        return path.read_text().strip()
    except OSError as error:
        raise typer.BadParameter(
            f"the secret cannot be read from {path} ({error.strerror}): name it with "
            "SIGNALBOX_SECRET_FILE, or the folder with --data-dir"
        ) from error
