"""Originals that are not in the log: attachments, what is said about each, and mail as it came.

One small interface (`home.py`) with three homes, chosen by one setting (`address.py`): a folder, a
MongoDB database of its own, object storage by the S3 API. `opening.py` makes the one that is set.
"""

from shared.files.descriptions import Descriptions
from shared.files.home import FileEntry, FileHome
from shared.files.opening import open_files, open_old
from shared.files.with_old import HomeWithOld

__all__ = ["Descriptions", "FileEntry", "FileHome", "HomeWithOld", "open_files", "open_old"]
