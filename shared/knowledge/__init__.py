"""The knowledge base: articles on disk (`deploy/articles/`), read once, searched in memory. It needs neither Kafka nor MongoDB."""

from shared.knowledge.articles import Article, Audience, Topic, read_articles
from shared.knowledge.search import Articles, Hit

__all__ = ["Article", "Articles", "Audience", "Hit", "Topic", "read_articles"]
