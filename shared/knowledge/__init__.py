"""The knowledge base: articles on disk (`deploy/articles/`), read once, searched in memory. It needs neither Kafka nor MongoDB."""

from shared.knowledge.articles import Article, Audience, Topic, read_articles
from shared.knowledge.changelog import News, read_changelog
from shared.knowledge.resources import Shelf, read_resources
from shared.knowledge.search import Articles, Hit

__all__ = ["Article", "Articles", "Audience", "Hit", "News", "Shelf", "Topic", "read_articles", "read_changelog", "read_resources"]
