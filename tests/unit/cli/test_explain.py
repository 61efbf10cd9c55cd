"""`signalbox explain` says each decision, its rules and its trace."""

from __future__ import annotations

from cli.tickets.explain import lines_of


def test_decisions_in_words() -> None:
    found = {
        "ticket_id": "tkt_1",
        "decisions": [
            {
                "seq": 2,
                "type": "TicketRouted",
                "at": "2026-11-20T12:00:00Z",
                "by": "router",
                "decided": {"queue": "platform", "provider": None},
                "reason": "",
                "trail": [
                    {"rule": "explicit-addon", "matched": False, "because": "none was chosen"},
                    {"rule": "otherwise", "matched": True, "because": ""},
                ],
                "trace_id": "0af7651916cd43dd8448eb211c80319c",
            },
            {"type": "PrioritySet", "at": "2026-11-20T12:00:01Z", "by": None, "trace_id": None},
        ],
    }
    assert lines_of(found) == [
        "tkt_1",
        "",
        "2026-11-20T12:00:00Z  TicketRouted by router",
        "    queue: platform",
        "    - explicit-addon: none was chosen",
        "    + otherwise: ",
        "    trace: 0af7651916cd43dd8448eb211c80319c",
        "",
        "2026-11-20T12:00:01Z  PrioritySet",
    ]
