"""Articles as files: Markdown with a front matter in YAML, one file an article, its name the
slug.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.knowledge.markup import to_html

HERE = Path(__file__).resolve().parents[2] / "deploy" / "articles"
"""Where the articles of this installation lie."""

_FENCE = "---\n"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same reader in C, eight times as fast, where PyYAML was built with it."""

Code = Annotated[str, Field(pattern=r"^[HRL]\d\d$")]
Words = Annotated[str, Field(min_length=2, max_length=120)]


class HelpTopic(StrEnum):
    """The shelves of the help page, in their order there."""

    ERRORS = "errors"
    DEPLOY = "deploy"
    RUNNING = "running"
    DATA = "data"
    DOMAINS = "domains"
    ADDONS = "addons"
    ACCOUNT = "account"
    SUPPORT = "support"


class ArticleAudience(StrEnum):
    """Whom an article concerns. Everybody may read all of them: it is a mark, no lock."""

    EVERYONE = "everyone"
    ENTERPRISE = "enterprise"
    PROVIDERS = "providers"


class FrontMatter(BaseModel):
    """What stands above the text. `synonyms` are words and whole messages by which people ask for
    it.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True
    )  # a tag such as 503

    slug: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)
    title: str = Field(min_length=4, max_length=90)
    summary: str = Field(min_length=20, max_length=240)
    topic: HelpTopic
    audience: ArticleAudience = ArticleAudience.EVERYONE
    codes: tuple[Code, ...] = ()
    tags: tuple[Words, ...] = ()
    synonyms: tuple[Words, ...] = ()
    updated: date


class Article(FrontMatter):
    """One article; `body` is Markdown, `html` the same for a page, without anything that runs."""

    body: str = Field(min_length=1)

    @cached_property
    def html(self) -> str:
        return to_html(self.body)

    @property
    def url(self) -> str:
        return f"/help/{self.slug}"


def read_articles(folder: Path = HERE) -> tuple[Article, ...]:
    """Every `*.md` of the folder, by slug. Raises ValueError that names each file and what is wrong
    with it.
    """
    found: dict[str, Article] = {}
    wrong: list[str] = []
    for path in sorted(folder.glob("*.md")):
        try:
            article = read_article(path)
        except ValueError as error:
            # All files are read before anything is said: whoever edits several sees all mistakes at
            # once.
            wrong.append(str(error))
            continue
        found[article.slug] = article
    if wrong:
        raise ValueError("\n".join(wrong))
    return tuple(found.values())


def read_article(path: Path) -> Article:
    """One file. Raises ValueError with the file's name, the field and the reason."""
    fields, body = split(path)
    try:
        article = Article.model_validate({**fields, "body": body})
    except ValidationError as error:
        reasons = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
        )
        raise ValueError(f"{path.name}: {reasons}") from error
    if article.slug != path.stem:
        raise ValueError(f"{path.name}: its slug is {article.slug!r}, its file says {path.stem!r}")
    return article


def split(path: Path) -> tuple[dict[str, object], str]:
    """A file's front matter and its text. Raises ValueError where it has no front matter."""
    text = path.read_text("utf-8")
    # The closing fence must begin a line: a rule of dashes inside the text is none.
    head, fence, body = text.removeprefix(_FENCE).partition("\n" + _FENCE)
    if not text.startswith(_FENCE) or not fence:
        raise ValueError(
            f"{path.name}: it does not begin with a front matter between two lines of ---"
        )
    try:
        fields = yaml.load(head, Loader=_LOADER)  # noqa: S506 (both of them are safe)
    except yaml.YAMLError as error:
        raise ValueError(f"{path.name}: the front matter is no YAML: {error}") from error
    if not isinstance(fields, dict):
        raise ValueError(f"{path.name}: the front matter holds no fields")
    return fields, body.strip() + "\n"
