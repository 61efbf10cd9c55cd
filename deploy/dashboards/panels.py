"""What the dashboards show: the table that the JSON files are drawn from. Every metric in it is one
of ours (tests/contract/test_dashboards.py).
"""

from __future__ import annotations

from deploy.dashboards.drawing import Dashboard, Panel


def quantiles(metric: str, *by: str, legend: str = "", where: str = "") -> dict[str, str]:
    """The median and the slowest hundredth of a histogram over five minutes."""
    labels = ", ".join(("le", *by))
    found = {}
    for name, q in (("p50", 0.5), ("p99", 0.99)):
        # Buckets are added up before the quantile: quantiles of several processes cannot be.
        rate = f"rate({metric}_bucket{where}[5m])"
        found[f"{legend} {name}".strip()] = f"histogram_quantile({q}, sum by ({labels}) ({rate}))"
    return found


def rate(metric: str, *by: str, where: str = "") -> str:
    """Per second, over five minutes."""
    total = f"sum by ({', '.join(by)})" if by else "sum"
    return f"{total} (rate({metric}{where}[5m]))"


# For whoever asks whether customers are served: tickets, pages, mail, and what needs a person.
OVERVIEW = Dashboard(
    "overview",
    "Signalbox: what customers get",
    {
        "Tickets": (
            Panel(
                "Accepted",
                "ops",
                {"{{kind}}": rate("signalbox_intake_accepted_total", "kind")},
                "What intake took, by kind of request.",
            ),
            Panel(
                "From the request to the answer",
                "s",
                quantiles("signalbox_intake_accept_seconds"),
                "Intake, from the body read to the answer.",
            ),
            Panel(
                "Time to route",
                "s",
                quantiles("signalbox_time_to_route_seconds"),
                "From accepted to its queue decided.",
            ),
        ),
        "Pages": (
            Panel(
                "From an urgent ticket to its page",
                "s",
                quantiles("signalbox_page_latency_seconds"),
            ),
            Panel(
                "Pages by outcome",
                "ops",
                {
                    "{{channel}} {{outcome}}": rate(
                        "signalbox_pages_sent_total", "channel", "outcome"
                    ),
                    "by intake itself, {{channel}} {{outcome}}": rate(
                        "signalbox_intake_pages_sent_total", "channel", "outcome"
                    ),
                },
                "Intake pages by itself while Kafka is away.",
            ),
            Panel(
                "Timers fire late",
                "s",
                quantiles("signalbox_firing_late_seconds", "worker", legend="{{worker}}"),
            ),
        ),
        "Mail and webhooks": (
            Panel(
                "Outbox, not over",
                "short",
                {"{{phase}}": "sum by (phase) (signalbox_outbox_open)"},
            ),
            Panel(
                "Outbox, the oldest",
                "s",
                {"{{phase}}": "max by (phase) (signalbox_outbox_oldest_seconds)"},
            ),
            Panel(
                "Notices by what became of them",
                "ops",
                {"{{kind}} {{phase}}": rate("signalbox_notices_total", "kind", "phase")},
            ),
            Panel(
                "One send",
                "s",
                quantiles("signalbox_notice_send_seconds", "kind", legend="{{kind}}"),
            ),
            Panel(
                "Mail taken in",
                "ops",
                {"{{outcome}}": rate("signalbox_mail_outcomes_total", "outcome")},
            ),
            Panel("Destinations let be", "short", {"breakers": "sum(signalbox_breakers_open)"}),
        ),
        "What needs a person": (
            Panel(
                "Findings of the auditor",
                "short",
                {"{{kind}}": "max by (kind) (signalbox_auditor_findings)"},
            ),
            Panel(
                "Dead letters",
                "short",
                {
                    "{{worker}}": "sum by (worker) (increase(signalbox_dead_letters_total[15m]))",
                    "front": "sum(increase(signalbox_front_dead_letters_total[15m]))",
                    "courier": "sum(increase(signalbox_courier_dead_letters_total[15m]))",
                },
                "In fifteen minutes.",
            ),
            Panel(
                "Parked keys",
                "short",
                {"{{worker}}": "max by (worker) (signalbox_parked_keys)"},
            ),
        ),
        "While Kafka is away": (
            Panel(
                "Kafka has not answered for",
                "s",
                {"{{instance}}": "signalbox_intake_kafka_away_seconds"},
            ),
            Panel("Spool, how many", "short", {"{{instance}}": "signalbox_spool_depth"}),
            Panel("Spool, the oldest", "s", {"{{instance}}": "signalbox_spool_oldest_seconds"}),
        ),
    },
)

# For whoever looks for the part that is late.
CONSUMERS = Dashboard(
    "consumers",
    "Signalbox: consumers",
    {
        "Lag and progress": (
            Panel(
                "Behind, in seconds",
                "s",
                {"{{consumer}}": "max by (consumer) (signalbox_behind_seconds)"},
                "Age of the oldest record that is not dealt with.",
            ),
            Panel(
                "Behind, in records",
                "short",
                {"{{consumer}}": "sum by (consumer) (signalbox_behind_records)"},
            ),
            Panel(
                "Records dealt with",
                "ops",
                {"{{consumer}}": rate("signalbox_consumed_records_total", "consumer")},
            ),
            Panel(
                "Stands still for",
                "s",
                {"{{consumer}}": "max by (consumer) (signalbox_standing_seconds)"},
                "The slowest partition that is behind and does not move.",
            ),
            Panel(
                "Partitions",
                "short",
                {"{{consumer}}": "sum by (consumer) (signalbox_consumer_partitions)"},
            ),
            Panel(
                "Rebalances",
                "short",
                {"{{consumer}}": "sum by (consumer) (increase(signalbox_rebalances_total[15m]))"},
                "In fifteen minutes.",
            ),
        ),
        "Workers": (
            Panel(
                "One turn",
                "s",
                quantiles("signalbox_turn_seconds", "worker", legend="{{worker}}"),
            ),
            Panel(
                "Decided",
                "ops",
                {"{{worker}} {{what}}": rate("signalbox_handled_total", "worker", "what")},
            ),
            Panel("Facts", "ops", {"{{worker}}": rate("signalbox_facts_total", "worker")}),
            Panel("Rows", "short", {"{{worker}}": "sum by (worker) (signalbox_rows)"}),
            Panel(
                "One batch of the projector",
                "s",
                quantiles("signalbox_projector_batch_seconds"),
            ),
            Panel("Projected", "ops", {"{{topic}}": rate("signalbox_projected_total", "topic")}),
        ),
        "Processes": (
            Panel(
                "What runs",
                "short",
                {
                    "{{service}} {{version}} {{revision}}": (
                        "count by (service, version, revision) (signalbox_build_info)"
                    )
                },
            ),
            Panel(
                "Memory",
                "bytes",
                {"{{instance}}": "process_resident_memory_bytes"},
            ),
            Panel(
                "Processor",
                "percentunit",
                {"{{instance}}": "rate(process_cpu_seconds_total[5m])"},
            ),
            Panel(
                "Parts that ended",
                "short",
                {"{{part}}": "sum by (part) (increase(signalbox_background_ends_total[15m]))"},
            ),
            Panel(
                "Damaged partitions",
                "short",
                {
                    "{{topic}}/{{partition}}": (
                        "max by (topic, partition) (signalbox_damaged_partitions)"
                    )
                },
            ),
            Panel(
                "Log lines lost",
                "short",
                {"{{instance}}": "increase(signalbox_log_lines_lost_total[15m])"},
            ),
        ),
    },
)

# For whoever looks for the call that is slow or fails.
ROUTES = Dashboard(
    "routes",
    "Signalbox: HTTP",
    {
        "All routes": (
            Panel(
                "Requests",
                "reqps",
                {"{{instance}}": rate("signalbox_http_requests_total", "instance")},
            ),
            Panel(
                "Answers by status",
                "reqps",
                {"{{status}}": rate("signalbox_http_requests_total", "status")},
            ),
            Panel(
                "Share that fails",
                "percentunit",
                {
                    "{{instance}}": rate(
                        "signalbox_http_requests_total", "instance", where='{status=~"5.."}'
                    )
                    + " / "
                    + rate("signalbox_http_requests_total", "instance")
                },
            ),
        ),
        "Each route": (
            Panel(
                "Requests",
                "reqps",
                {"{{method}} {{route}}": rate("signalbox_http_requests_total", "method", "route")},
            ),
            Panel(
                "Failures",
                "reqps",
                {
                    "{{method}} {{route}}": rate(
                        "signalbox_http_requests_total",
                        "method",
                        "route",
                        where='{status=~"5.."}',
                    )
                },
            ),
            Panel(
                "Until the answer begins",
                "s",
                quantiles(
                    "signalbox_http_request_seconds",
                    "method",
                    "route",
                    legend="{{method}} {{route}}",
                ),
            ),
        ),
        "Strangers": (
            Panel("Connections", "short", {"{{instance}}": "signalbox_http_connections"}),
            Panel(
                "Turned away",
                "ops",
                {"{{why}}": rate("signalbox_http_turned_away_total", "why")},
            ),
            Panel(
                "Mail refused",
                "ops",
                {"{{why}}": rate("signalbox_smtp_refused_total", "why")},
            ),
        ),
    },
)

# A dashboard that is missing here is not written.
DASHBOARDS = (OVERVIEW, CONSUMERS, ROUTES)
