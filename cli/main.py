"""The `signalbox` command: one thin file per group of commands, and here their names."""

from __future__ import annotations

import typer

from cli import admin, files
from cli.backup import command as backing_up
from cli.doctor import command as doctor
from cli.documents import articles, directory, imports, policy
from cli.erase import command as erasing
from cli.log import dead_letters, rebuild, repair, replay
from cli.proof import command as verify
from cli.tickets import command as tickets
from cli.tickets import due, explain, page, route, seed, submit
from cli.topics import command as topics
from cli.up import command as up
from cli.what_if import command as simulate

app = typer.Typer(
    name="signalbox",
    help="Support tickets: taken in, routed, timed, and the right people told.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables would print secrets
)
# In the order of a first day: run, fill, look, then policies, then what operators do.
app.command()(up.up)
app.command()(doctor.doctor)
app.command()(seed.seed)
app.command()(submit.submit)
app.add_typer(tickets.app, name="tickets")
app.command()(explain.explain)
app.add_typer(page.app, name="page")
app.command()(due.due)
app.command()(route.route)
app.add_typer(admin.app, name="admin")
app.add_typer(directory.app, name="directory")
app.add_typer(imports.app, name="import")
app.add_typer(policy.app, name="policy")
app.command()(simulate.simulate)
app.command()(verify.verify)
app.command()(rebuild.rebuild)
app.command()(erasing.erase)
app.command()(backing_up.backup)
app.command()(backing_up.restore)
app.add_typer(files.app, name="files")
app.command()(replay.record)
app.command()(replay.replay)
app.add_typer(articles.app, name="articles")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(repair.app, name="repair")
app.add_typer(topics.app, name="topics")

if __name__ == "__main__":
    app()
