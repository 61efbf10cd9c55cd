"""The vocabulary of planning: what architecture questions ask for and are about. Pure data.

Idea → its words. The ideas of `TELLING` are hardly ever spoken of in another kind of ticket, and so
count twice. A word stands with a blank before it, and so is found by its beginning; a blank
behind it as well where only the whole word is meant. Each idea counts once, whichever of its words
was found: a text that says "traffic" three times is not three times as much about planning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Vocabulary = dict[str, tuple[str, ...]]


def _ideas(table: str) -> Vocabulary:
    """One idea a line: `idea: word | word`; a line that begins with `|` goes on with it. A word
    that ends in `_` is a whole word.
    """
    ideas: Vocabulary = {}
    # Join the lines that go on, so that each idea is one line.
    for line in re.sub(r"\s*\n\s*\|", " |", table).strip().splitlines():
        idea, _, words = line.partition(":")
        ideas[idea.strip()] = tuple(
            f" {word[:-1]} " if word.endswith("_") else f" {word}"
            for word in (each.strip() for each in words.split("|"))
        )
    return ideas


# Only advice that is asked for. The idea's name is shown to people as the reason of a suggestion.
ADVICE = _ideas(
    """
    number: how many | how much | how big | how large | how high | how low | how fast
        | number of dyno | number of web | number of worker | number of connection
        | number of process | wie viele | wie viel | combien | cuántos | quantos
    should: should we | should i_ | should they | should it_ | should this | should be
        | should our | should have | should messages | should live | should sit | shall we
        | sollten wir | sollen wir | devrions | faut il | deberíamos
    would: would you | what would | would it | would we | would this | would have | where would
        | how would
    which: which one | which of | which size | which plan | which tier | which metric
        | which approach | which dyno | which way | which limits | which database | what size
        | what plan | what pool | what path | what upgrade | what kind of | what are our
        | what are the options
    better: better to | is it better | better pattern | better way | better fit | or is it
        | or rather | rather than | instead of | versus | vs_ | or both | worth | trade off
        | tradeoff | pros and cons | difference between
    best: best practice | best way | best approach | recommend | rule of thumb | guideline
        | guidance | sensible | realistic | reasonable | makes sense | make sense | good idea
        | right way | right answer | right start | suits | suitable | empfehl | recommand
    advice: advice | advise | opinion | go through | go over | talk through | discuss | feedback
        | look over | review our | review of | review the | review my | design review | a review_
        | for review_ | second pair | your experience | checklist | suggestions | your view
        | your thoughts | input on | ideas on | tips | sanity check
    others: other customers | others do | do others | others in | do teams | do people
        | people usually | people keep | other teams | has anyone | have you seen | typical
    ways: how do we | how we_ | do you think | does that mean | will be needed | what is needed
        | how can we | how could we | how to size | how does one | what to consider
        | anything to consider | plan for | options | approach | strategy | could we | can we
        | can this be | can one | can a_ | can kafka | is it possible | is there a better
        | is there anything | do we have to | do we need | what changes | what do we
        | at what point | wondering | looking for
    enough: powerful enough | fast enough | big enough | large enough | good enough | enough for
        | suffice | overkill | what s the point | what is the point
    wish: like to understand | love to | exploring | the possibility of | like to discuss
        | i want at least | we want at least | understand how | how to architect | help me decide
        | sane default | ideal | best value | best setting
    reckoned: calculat | estimat | prepar | get ready | size our | size the | size my | size it
        | design | work out
    choice: choose | choosing | pick_ | decide | go for | go with | prefer | settle on
    """
)
"""Somebody wants a judgement, and not a fact or a deed."""

# Sizes, load and speed: what a running app needs.
CAPACITY = _ideas(
    """
    dynos: dyno
    dyno sizes: performance l_ | performance m_ | performance dyno | standard 2x | standard 1x
        | private l_ | private m_ | bigger dyno | larger dyno | dyno type | dyno size
    traffic: traffic | visitor | concurrent | page views | pageviews | requests per | requests a_
        | requests second | requests s_ | req s_ | rps_ | rpm_ | hits per | clicks | simultaneous
        | per second | per minute | per hour | pro stunde | besucher | visiteurs
    event: launch | email blast | e mail blast | blast | campaign | newsletter | mail out
        | mailing | mail goes | go live | goes live | going live | black friday | cyber monday
        | christmas | holidays | season | tv_ | television | broadcast | super bowl | on sale
        | ticket sale | sells | election | results are published | webinar | conference
        | promotion | flash sale | kampagne | campagne | aktion
    peaks: peak | spike | surge | burst | rush | high load | heavy load | under load | high traffic
    autoscaling: autoscal | auto scal | pre scal
    scaling: scal | upscal | downscal | montée en charge | hochskal | skalier
    capacity: capacity | headroom | sizing | right size | size it | throughput | formation
        | ramp up | provision | keep up | hold up | holds up
    concurrency: concurrency | threads | processes | workers per | worker process | puma
        | gunicorn | gevent | unicorn | uvicorn | cluster
    connections: connection
    pools: pool_ | pools_ | pool size | pooling | pgbouncer | connections per | connection limit
    memory: memory | ram_
    load tests: load test | load testing | stress test | performance test | k6_ | jmeter | gatling
        | locust | lasttest | benchmark
    performance: performance | bottleneck | optimi
    latency: p95 | p99 | latency | response time
    people: subscribers | users | customers | clients | browsers | pupils | merchants | devices
        | sensors | signups | people | members
    limits: limit | quota of
    """
)

# How an app is built, where it runs, and what it is built with.
DESIGN = _ideas(
    """
    private space: private space | shield
    private network: vpn_ | peering | vpc_ | vpcs_ | privatelink | private link | internal routing
        | direct connect | cidr
    premises: on prem | data centre | data center | firewall | intranet | corporate network
    addresses: fixed ip | static ip | outbound ip | outgoing ip | known address | allowlist
        | whitelist | ip range | client ips
    tenants: tenant | schema each | app per customer | database per customer | per customer
    regions: region | multi region | data residen | latency from | geograph | germany | frankfurt
        | tokyo | sydney | virginia | dublin
    availability: availability zone | failover | fail over | standby | stand by | disaster
        | availability | redundan | rto_ | rpo_ | resilien | single point | uptime | fallback
        | recovery | warm | sla_
    services: monolith | microservice | micro service | services | split | breaking up | decoupl
        | gateway | own app | separate app | bounded | modular | two apps | five apps
    messages: kafka | rabbitmq | event driven | events s_ | events_ | pub sub | message | msg
        | queue | stream | replay | webhooks | ingest
    open connections: websocket | web socket | socket | sticky | affinity | real time | realtime
        | live feed | mqtt | long poll | sse_
    data: postgres | database | replica | read only | warehouse | shard | partition | materialized
        | data model | bi tool | timescale | datenbank | base plus | redis plan
    followers: follower | read replica | promote
    moving: migrat | moving | move_ | upgrade path | cut over | cutover | map to | switch from
        | lift and shift | moving off | ecs_ | bare metal | kubernetes | ec2
    platforms: aws_ | gcp_ | azure | google cloud | render_ | fly io
    caching: cach | cdn_ | cloudflare | fastly | cloudfront | memcached | precomput | edge
    jobs: background job | worker | sidekiq | celery | batch | cron | jobs | async
    files: upload | s3_ | shared file | object storage
    rules: hipaa | pci_ | gdpr | complian | patient | regulat | residency | encrypt
    releases: blue green | preboot | zero downtime | least downtime | rolling | canary | pipeline
        | releases | deploys a week | maintenance window | downtime
    search: elasticsearch | full text | opensearch | search
    sessions: session
    proxies: proxy | rate limit | waf_ | router | waiting room | load balanc | dns_
    integration: heroku connect | salesforce | bulk api | integrat | sync
    design: architect | design | diagram | pattern | blueprint | lay out | laid out | layout
        | setup | our plan | topology | structure | environment
    """
)
"""What it is about. Each idea of the two tables is one topic."""

PLANNING = _ideas(
    """
    expected: expect | forecast | we guess | guess is | anticipat | estimate | projected
        | prévoyons | erwarten
    planned: plan to | be ready | ready to | ready for | planning | planned | we plan | plan for
        | planen | intend | going to | about to | we ll_ | we will | will_ | preparing | prepare
        | get ready | in preparation | vorbereit
    next: next week | next month | next year | next quarter | next spring | next summer
        | next autumn | next fall | next winter | by summer | by spring | by the end
        | in two years | in a year | from next | from autumn | in may | in june | in november
        | this autumn | this summer | the autumn | im märz | en juin | coming | upcoming
        | later this | soon | on thursday | on sunday | on friday | on monday | for november
    schedule: at night | overnight | office hours | working hours | business hours | weekends
        | weekdays | during the day | at all times | timetable | time table | on a schedule
        | by the clock | every morning | ahead of time | in the evening | nightly
    growth: grow | double | ten times | 10x | as we add | in the long run | more tenants | up to
        | when we go
    considered: consider | evaluat | thinking | think about | think of | sketch | weigh
        | before we | in advance | beforehand | beginning | would like to | we d like | we want to
        | want to find | have to decide | switching | concerned | we re building | building
        | drawn up | looking at | look at | we need to go | client demands | contract requires
        | ask for | asks for | save money
    """
)
"""It is still to come."""

# These words take points away.
HOW_TO = _ideas(
    """
    place: where do i_ | where can i_ | where is_ | where are_ | in which order | find the button
        | button | menu | settings page | under resources | under settings
    command: command | cli_ | syntax | psql | heroku ps | config var | flag_ | laptop | dbeaver
    steps of my own: how do i_ | how can i_ | how to restart | how to change | how to see
        | how to add | how to enable | how to set | what s the command | what is the command
    wanted feature: road map | roadmap | feature request | would be good | would be great
        | would be nice | ability to | please add | please let | add support
    deed: rename | restart a | download | list_ | find out in which | give a colleague
        | remove her | remove him | my role | permission | transfer | record_ | two factor
        | can you configure | can you set | could you configure | could you set | please set
        | please configure
    """
)
"""A fact or a single step is asked for: the Dev Center and support know."""

# Questions about money take away most: architects do not answer them.
BILLS = _ideas(
    """
    bill: invoice | billed | our bill_ | my bill_ | charged | charge_ | refund | credit_ | credits
        | receipt | vat_ | payment | card_ | pay by | quote for | a quote
    price: price | pricing | dyno hours | dyno units | monthly cost | subscription
    """
)


def _longest_tokens(*vocabularies: Vocabulary) -> tuple[str, ...]:
    """One token of every word: a text with the word has the token, whatever stands between."""
    words = (word for each in vocabularies for words in each.values() for word in words)
    return tuple(sorted({max(word.split(), key=len) for word in words}))


# Topics that other tickets hardly ever have; everyday words such as `data` or `people` are left
# out.
TELLING = frozenset(
    (
        "event",
        "peaks",
        "autoscaling",
        "capacity",
        "pools",
        "load tests",
        "private space",
        "private network",
        "tenants",
        "availability",
        "open connections",
        "rules",
    )
)
"""Topics that count twice."""

SCREEN: dict[str, tuple[str, ...]] = {
    "asks": ("?", *_longest_tokens(ADVICE)),
    # `PLANNING` is left out of the screen: a text needs advice and a topic, never a plan alone.
    "about": _longest_tokens(CAPACITY, DESIGN),
}
"""Plain strings: a text without one of each kind has no points, so it need not be scored."""

# The kinds that a score knows; a word table must stand here to be looked for at all.
KINDS: dict[str, tuple[Vocabulary, ...]] = {
    "advice": (ADVICE,),
    "topics": (CAPACITY, DESIGN),
    "planning": (PLANNING,),
    "how to": (HOW_TO,),
    "bills": (BILLS,),
}

Entry = tuple[str, str, str]
"""Kind, idea, word."""


def _entries() -> Iterator[Entry]:
    for kind, vocabularies in KINDS.items():
        for vocabulary in vocabularies:
            for idea, words in vocabulary.items():
                for word in words:
                    yield kind, idea, word


def _by(key: dict[str, list[Entry]], name: str, entry: Entry) -> None:
    key.setdefault(name, []).append(entry)


def _build_index() -> tuple[dict[str, list[Entry]], dict[str, list[Entry]]]:
    """(token → words that begin with this whole token, beginning of a token → words that are
    it).
    """
    whole: dict[str, list[Entry]] = {}
    beginning: dict[str, list[Entry]] = {}
    for entry in _entries():
        word = entry[2]
        # A word of several tokens, or a whole word, is found by its first token; a beginning by its
        # letters.
        first, _, rest = word.lstrip().partition(" ")
        if rest or word.endswith(" "):
            _by(whole, first, entry)
        else:
            _by(beginning, first, entry)
    return whole, beginning


_WHOLE, _BEGINNING = _build_index()
# Three letters tell most tokens apart, so few lengths are tried for each.
_HEAD = 3
"""Characters by which the beginnings are told apart first; none is shorter."""
_LENGTHS: dict[str, tuple[int, ...]] = {
    head: tuple(sorted({len(word) for word in _BEGINNING if word.startswith(head)}))
    for head in {word[:_HEAD] for word in _BEGINNING}
}
_TOKEN = re.compile(r"[^\W_]+")


def ideas_in(text: str) -> dict[str, dict[str, str]]:
    """Kind → idea → the first of its words in the (case-folded) text."""
    found: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
    tokens = _TOKEN.findall(text)
    # A blank at both ends, so that the first and the last word are found like the others.
    words = f" {' '.join(tokens)} "
    # Each token once, so that the cost does not grow with repetition.
    for token in dict.fromkeys(tokens):
        # Look-ups instead of a search for each word: what it costs does not grow with the tables.
        for kind, idea, word in _WHOLE.get(token, ()):
            if word in words:
                found[kind].setdefault(idea, word.strip())
        for length in _LENGTHS.get(token[:_HEAD], ()):
            for kind, idea, word in _BEGINNING.get(token[:length], ()):
                found[kind].setdefault(idea, word.strip())
    return found
