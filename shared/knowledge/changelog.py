"""What is new, as files: `deploy/changelog/*.md`, the newest first. They are shown on a page and in
a feed.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from shared.knowledge.articles import split
from shared.knowledge.markup import to_html

HERE = Path(__file__).resolve().parents[2] / "deploy" / "changelog"


class News(BaseModel):
    """One entry. Its slug is the file's name; `at` is when it was announced, `updated` when its
    text last changed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    slug: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str = Field(min_length=4, max_length=90)
    at: AwareDatetime
    changed_at: AwareDatetime | None = None
    body: str = Field(min_length=1)

    @cached_property
    def html(self) -> str:
        return to_html(self.body)

    @property
    def updated_at(self) -> datetime:
        return self.changed_at or self.at


def read_changelog(folder: Path = HERE) -> tuple[News, ...]:
    """Every entry, newest first. Raises ValueError with the file's name and the reason."""
    found = []
    for path in folder.glob("*.md"):
        fields, body = split(path)
        try:
            found.append(News.model_validate({**fields, "slug": path.stem, "body": body}))
        except ValidationError as error:
            raise ValueError(f"{path.name}: {error}") from error
    # The slug decides between entries of the same instant, so that the feed never jumps.
    return tuple(sorted(found, key=lambda entry: (entry.at, entry.slug), reverse=True))
