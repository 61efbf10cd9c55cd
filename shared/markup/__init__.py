"""Texts that people write, as HTML: the same on a page, in a mail and in a webhook. Pure.

`message_html` is the way in. What a text may become is in `prose.py` and `dialect.py` (Markdown),
`plain.py` (words as they stand, links) and `code.py` (logs, programs); `blocks.py` says which part
is which.
"""

from __future__ import annotations

from shared.markup.messages import RenderTarget as RenderTarget
from shared.markup.messages import message_html as message_html
