"""How a fuzzer is started: with seeds beside what it found before, for ten minutes unless told
otherwise.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import atheris

MINUTES = 10


def run(
    one: Callable[[bytes], None], seeds: Iterable[bytes], folder: Path, argv: Sequence[str]
) -> None:
    """`folder` keeps the inputs that reached something new; what failed is left there as `crash-…`,
    `timeout-…`, `oom-…`.
    """
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    limits = [
        f"-max_total_time={MINUTES * 60}",
        "-timeout=2",
        "-rss_limit_mb=1024",
        "-max_len=20000",
        f"-artifact_prefix={folder}/",
    ]
    atheris.Setup([argv[0], *limits, *argv[1:], str(corpus)], one)
    sys.stdout.flush()
    atheris.Fuzz()
