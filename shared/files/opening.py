"""The home that the settings name."""

from __future__ import annotations

from shared.files.address import Address, DatabaseAt, FolderAt, ObjectsAt, read_address
from shared.files.database import DatabaseHome
from shared.files.folder import FolderHome
from shared.files.home import FileHome
from shared.files.with_old import HomeWithOld, OldFiles
from shared.settings import FilesSettings
from shared.storage.store import Store


def open_home(at: Address, settings: FilesSettings) -> FileHome:
    """Nothing is connected before it is used. Raises ValueError where a package is missing."""
    match at:
        case FolderAt(path):
            return FolderHome(path)
        case DatabaseAt(uri, database):
            return DatabaseHome(uri, database)
        case ObjectsAt():
            # Imported only here: it needs an extra that most installations do not have.
            from shared.files.objects import ObjectsHome

            key = settings.files_key.get_secret_value() if settings.files_key else ""
            return ObjectsHome(at, settings.files_key_id, key)


def open_files(settings: FilesSettings, store: Store) -> FileHome:
    """Where files are, with what earlier releases left beside the views in `store`."""
    return HomeWithOld(open_home(home_of(settings), settings), open_old(store))


def home_of(settings: FilesSettings) -> Address:
    """What SIGNALBOX_FILES says."""
    return read_address(settings.files, settings.mongodb_uri, settings.mongodb_database)


def open_old(store: Store) -> OldFiles:
    """What earlier releases left."""
    return OldFiles(store)
