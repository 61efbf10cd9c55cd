"""The knowledge base: articles on disk (`deploy/articles/`), read once, searched in memory. It
needs neither Kafka nor MongoDB.
"""

from shared.knowledge.articles import Article, ArticleAudience, HelpTopic, read_articles
from shared.knowledge.changelog import News, read_changelog
from shared.knowledge.resources import LinkGroup, read_resources
from shared.knowledge.search import Articles, Hit
from shared.knowledge.words import Question

__all__ = [
    "Article",
    "ArticleAudience",
    "Articles",
    "HelpTopic",
    "Hit",
    "LinkGroup",
    "News",
    "Question",
    "read_articles",
    "read_changelog",
    "read_resources",
]
