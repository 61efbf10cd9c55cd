"""The `signalbox` command: one thin file per group of commands, and here their names."""

from __future__ import annotations

import typer

from cli import (
    articles,
    dead_letters,
    directory,
    doctor,
    due,
    imports,
    page,
    policy,
    rebuild,
    replay,
    route,
    seed,
    simulate,
    submit,
    tickets,
    topics,
    up,
    verify,
)
from cli.erase import command as erasing

app = typer.Typer(
    name="signalbox",
    help="Support tickets: taken in, routed, timed, and the right people told.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables would print secrets
)
app.command()(up.up)
app.command()(doctor.doctor)
app.command()(seed.seed)
app.command()(submit.submit)
app.add_typer(tickets.app, name="tickets")
app.add_typer(page.app, name="page")
app.command()(due.due)
app.command()(route.route)
app.add_typer(directory.app, name="directory")
app.add_typer(imports.app, name="import")
app.add_typer(policy.app, name="policy")
app.command()(simulate.simulate)
app.command()(verify.verify)
app.command()(rebuild.rebuild)
app.command()(erasing.erase)
app.command()(replay.record)
app.command()(replay.replay)
app.add_typer(articles.app, name="articles")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(topics.app, name="topics")

if __name__ == "__main__":
    app()
