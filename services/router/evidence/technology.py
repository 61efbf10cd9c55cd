"""Kinds of service an add-on can be: what their clients' errors look like, and who else offers the
same. Pure data and look-ups.

An add-on is of a kind where a word of the kind stands in its slug, name or aliases. Errors of a
kind point to an attached add-on of that kind, unless the text names another supplier: an outside
service of the same kind is not ours to pass on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.router.evidence.expressions import Expression


@dataclass(frozen=True, slots=True)
class Technology:
    """`words` make an alias generic; `marks` recognise an add-on of the kind by its names; `errors`
    are what clients and servers say.

    `topics` are what people call it without a name. `elsewhere`: other suppliers, the platform's
    own service among them. Needles are plain case-folded strings: a search for a plain string costs
    next to nothing in a long log.
    """

    name: str
    words: frozenset[str]
    marks: tuple[str, ...]
    errors: tuple[str, ...]
    topics: tuple[str, ...] = ()
    elsewhere: str = ""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The needles are written as clients write them, in lower case; add what a client prints, not what
# it means.
TECHNOLOGIES = (
    Technology(
        "Redis",
        _words("redis rediss valkey"),
        ("redis", "valkey"),
        (
            "redis::",
            "redis.exceptions",
            "redisexception",
            "redisconnectionexception",
            "redistimeoutexception",
            "redisclient::",
            "rediscluster",
            "jedisconnection",
            "ioredis",
            "maxretriesperrequest",
            "wrongpass",
            "noauth authentication",
            "oom command not allowed",
            "misconf redis",
            "max number of clients",
            "loading redis is loading",
            "loading the dataset in memory",
            "readonly you can't write",
            "error connecting to redis",
            "could not connect to redis",
            "unable to connect to redis",
            "connection to redis",
            "redis connection to",
        ),
        (
            "sidekiq cannot",
            "our cache",
            "the cache is",
            "cache server",
            "key-value store",
            "evicts keys",
            "evicted keys",
            "keys are evicted",
            "keys disappear",
        ),
        r"elasticache|upstash|redis ?labs|redis cloud|redis enterprise cloud|memorystore"
        r"|azure cache|aiven|heroku[- ]redis"
        r"|heroku data for redis|heroku key-value|\bhkvs\b|digitalocean",
    ),
    Technology(
        "mail",
        _words("mail email e-mail smtp mails"),
        ("mail", "smtp", "postbox"),
        (
            "net::smtp",
            "smtplib",
            "smtpauthentication",
            "smtpexception",
            "smtperror",
            "smtpclient",
            "nodemailer",
            "javax.mail",
            "mailexception",
            "swift_transport",
            "authentication failed: bad username",
            "5.7.8",
            "5.7.1",
            "relay access denied",
            "421 4.",
            "451 4.",
            "454 4.",
            "535 authentication",
            "535-",
            "550 5.",
            "smtp error",
            "smtp connect",
        ),
        (
            "mails are deferred",
            "mails are not delivered",
            "mails do not arrive",
            "emails are not delivered",
            "emails do not arrive",
            "emails are not being delivered",
            "emails not being delivered",
            "emails are not arriving",
            "mails are not arriving",
            "emails bounce",
            "mails bounce",
            "bounce rate",
            "bounces",
            "dkim",
            "outgoing mail",
            "transactional mail",
            "transactional email",
            "outgoing email",
            "go to spam",
            "going to spam",
            "land in spam",
            "end up in spam",
            "email delivery",
            "mail delivery",
            "password reset mails",
            "password reset emails",
            "sending emails",
            "sending mail",
            "our emails",
            "our mails",
        ),
        r"send ?grid|mailgun|postmark|mandrill|amazon ses|aws ses|\bses\b|spark ?post|mail ?chimp"
        r"|mailjet|brevo",
    ),
    Technology(
        "logs",
        _words("log logs logging syslog drain"),
        ("log", "drain", "trail"),
        ("error l10", "l10 (drain", "drain buffer overflow"),
        (
            "log drain",
            "our drain",
            "logs drain",
            "the drain",
            "saved search",
            "log search",
            "log archive",
            "log retention",
        ),
        r"paper ?trail|log ?entries|splunk|data ?dog|sumo ?logic|loggly|log ?dna|mezmo"
        r"|better ?stack|logtail|elastic cloud|new relic"
        r"|coralogix",
    ),
    Technology(
        "Postgres",
        _words("postgres postgresql pg"),
        ("postgres", "pgsql", "pg-", "-pg"),
        (
            "pg::",
            "psycopg",
            "org.postgresql",
            "npgsql",
            "activerecord::connectionnotestablished",
            "fatal: remaining connection slots",
            "fatal: too many connections",
            "sequelizeconnection",
            "terminating connection due to",
        ),
        (),
        r"heroku[- ]postgres(?:ql)?|heroku pg|pg:(?:info|psql|diagnose|backups)|amazon rds"
        r"|\brds\b|supabase|\bneon\b|cloud ?sql"
        r"|aurora|aiven",
    ),
    Technology(
        "MySQL",
        _words("mysql mariadb"),
        ("mysql", "maria"),
        (
            "mysql2::",
            "pymysql",
            "com.mysql",
            "mysqldb",
            "sqlstate[hy000] [2002]",
            "mysql server has gone away",
        ),
        (),
        r"amazon rds|\brds\b|planet ?scale|aurora|cloud ?sql|aiven",
    ),
    Technology(
        "MongoDB",
        _words("mongo mongodb"),
        ("mongo",),
        (
            "mongo::error",
            "pymongo.errors",
            "mongoservererror",
            "mongonetworkerror",
            "mongoserverselection",
            "mongotimeout",
            "no replica set members",
            "mongooseserverselection",
        ),
        (),
        r"\batlas\b|documentdb|cosmos",
    ),
    Technology(
        "message queue",
        _words("amqp rabbitmq rabbit kafka queue"),
        ("amqp", "rabbit", "kafka", "mq", "queue"),
        (
            "bunny::",
            "pika.exceptions",
            "amqperror",
            "amqpconnection",
            "com.rabbitmq",
            "connection_forced",
            "kafkajs",
            "kafkaexception",
            "org.apache.kafka",
            "nobrokersavailable",
            "rdkafka",
        ),
        (),
        r"amazon mq|amazon sqs|\bsqs\b|\bmsk\b|confluent|heroku kafka|apache kafka on heroku|aiven",
    ),
    Technology(
        "search",
        _words("elasticsearch opensearch elastic solr search"),
        ("elastic", "search", "solr", "bonsai"),
        (
            "elasticsearch::",
            "elasticsearch.exceptions",
            "elastictransport",
            "opensearchexception",
            "cluster_block_exception",
            "searchkick",
            "rsolr::",
            "no living connections",
        ),
        (),
        r"elastic cloud|amazon opensearch|algolia|aiven",
    ),
    Technology(
        "Memcached",
        _words("memcache memcached"),
        ("memcache",),
        ("dalli::", "pylibmc", "spymemcached", "bmemcached"),
        (),
        r"elasticache|memorystore",
    ),
)

GENERIC = frozenset(word for technology in TECHNOLOGIES for word in technology.words)
"""Words that name a kind of service and not one supplier."""

# A service of their own counts as another supplier of every kind.
_SELF_HOSTED = (
    r"self[- ]?hosted|our own (?:redis|postgres|mongo|mail|smtp|server|rabbit|elastic|log)"
    r"|\bon (?:an )?ec2\b"
    r"|in our (?:own )?data ?cent"
)
ELSEWHERE = {
    t.name: Expression(rf"{t.elsewhere}|{_SELF_HOSTED}" if t.elsewhere else _SELF_HOSTED)
    for t in TECHNOLOGIES
}


def kinds_of(names: Iterable[str]) -> tuple[Technology, ...]:
    """The kinds an add-on is of, by its case-folded names."""
    known = tuple(names)
    return tuple(
        t
        for t in TECHNOLOGIES
        if any(name in t.words or any(mark in name for mark in t.marks) for name in known)
    )
