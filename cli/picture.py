"""The picture in ARCHITECTURE.md, drawn from `shared/topics.py` as a Mermaid flowchart: `python -m
cli.picture` prints it.
"""

from __future__ import annotations

from shared.topics import CHANGELOG_WORKERS, PUBLIC

_BEGIN, _END = (
    "<!-- picture: drawn from shared/topics.py by `python -m cli.picture` -->",
    "<!-- end of picture -->",
)


def _node(name: str) -> str:
    # Mermaid takes no dots and hyphens in names.
    return name.replace(".", "_").replace("-", "_")


def draw_block() -> str:
    """The block between the two marks of ARCHITECTURE.md, marks included."""
    lines = [_BEGIN, "```mermaid", "flowchart LR"]
    # "everybody" is a word for all workers, and no box of its own.
    services = sorted(
        {name for topic in PUBLIC for name in (topic.author, *topic.readers)} - {"everybody"}
    )
    lines += [f"  {_node(name)}[{name}]" for name in services]
    lines += [f"  t_{_node(topic.name)}([{topic.name}])" for topic in PUBLIC]
    for topic in PUBLIC:
        author = _node(topic.author)
        if topic.author == "everybody":
            lines += [
                f"  {_node(name)} -.-> t_{_node(topic.name)}"
                # The workers that write dead letters, with a dotted line: it is no part of the
                # usual way.
                for name in ("router", "sla", "notifier.pager")
            ]
        else:
            lines.append(f"  {author} --> t_{_node(topic.name)}")
        lines += [f"  t_{_node(topic.name)} --> {_node(reader)}" for reader in topic.readers]
    lines += [
        f"  %% {worker} keeps its rows in the changelog {worker}-state"
        for worker in CHANGELOG_WORKERS
    ]
    return "\n".join([*lines, "```", _END])


def redrawn(page: str) -> str:
    """`page` with its picture replaced by today's. Raises ValueError where the marks are
    missing.
    """
    before, _, rest = page.partition(_BEGIN)
    _, mark, after = rest.partition(_END)
    if not mark:
        raise ValueError("ARCHITECTURE.md has no marks for the picture")
    return before + draw_block() + after


if __name__ == "__main__":
    import sys

    sys.stdout.write(draw_block() + "\n")
