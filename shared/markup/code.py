"""Code and logs as HTML: each line as it is, and after some thirty of them folded. Pure, linear."""

from __future__ import annotations

from markupsafe import escape

SHOWN = 30
"""Lines of a block that are shown; the rest is folded away behind their number."""
_SPARE = 5
"""So few more are shown as well: folding three lines away saves nothing."""


def code_html(text: str, kind: str, *, folds: bool) -> str:
    """A block of code or log. `folds`: a long one folds; else (a mail, where nothing opens) it ends
    with how many lines there are more.
    """
    lines = text.rstrip("\n").split("\n")
    label = "Log" if kind == "log" else "Code"
    # A few lines over the limit are shown: a fold costs a click.
    if len(lines) <= SHOWN + _SPARE:
        return block("\n".join(lines), label)
    head, rest = block("\n".join(lines[:SHOWN]), label), lines[SHOWN:]
    counted = f"{_group_digits(len(rest))} more lines of {_group_digits(len(lines))}"
    if not folds:
        return f"{head}<p>… {counted}: see the ticket's page</p>\n"
    rest_html = block("\n".join(rest), f"{label}, the rest")
    return (
        "<div "
        f'class="fold">{head}<details><summary>{counted}</summary>{rest_html}</details></div>\n'
    )


def block(text: str, label: str) -> str:
    """It scrolls sideways, so it can be reached by keyboard. Code reads from the left in every
    language.
    """
    # A line break right behind <pre> is not shown; this one keeps a first line that is empty.
    return (
        '<pre dir="ltr" tabindex="0" role="group" '
        f'aria-label="{label}">\n<code>{escape(text)}</code></pre>\n'
    )


def _group_digits(n: int) -> str:
    return f"{n:,}".replace(",", "\u202f")
