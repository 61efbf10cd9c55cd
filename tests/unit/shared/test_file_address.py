"""Where files are kept, as one setting says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.files.address import (
    Address,
    DatabaseAt,
    FolderAt,
    ObjectsAt,
    in_short,
    read_address,
)

URI = "mongodb://u:pass-word@db.example/?replicaSet=rs0"


@pytest.mark.parametrize(
    ("text", "home", "shown"),
    [
        ("", DatabaseAt(URI, "desk-files"), "the MongoDB database desk-files"),
        ("/srv/files", FolderAt(Path("/srv/files")), "the folder /srv/files"),
        ("file:///srv/my%20files", FolderAt(Path("/srv/my files")), "the folder /srv/my files"),
        (
            "mongodb://u:secret@other/kept?tls=true",
            DatabaseAt("mongodb://u:secret@other/kept?tls=true", "kept"),
            "the MongoDB database kept",
        ),
        (
            "mongodb+srv://u:secret@other",
            DatabaseAt("mongodb+srv://u:secret@other", "desk-files"),
            "the MongoDB database desk-files",
        ),
        ("s3://bucket", ObjectsAt("bucket", ""), "s3://bucket/"),
        (
            "s3://bucket/a/b?endpoint=http://127.0.0.1:9000/&region=eu-central-1",
            ObjectsAt("bucket", "a/b/", "http://127.0.0.1:9000", "eu-central-1"),
            "s3://bucket/a/b/",
        ),
    ],
)
def test_an_address_names_a_home(text: str, home: Address, shown: str) -> None:
    found = read_address(text, URI, "desk")
    assert found == home
    assert in_short(found) == shown
    assert "secret" not in repr(found) and "pass-word" not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        "files",
        "./files",
        "file:files",
        "file://host/files",
        "s3://",
        "s3://key:secret@bucket/",
        "s3://bucket?endpoint=ftp://x",
        "s3://bucket?acl=public",
        "gs://bucket",
        "mongodb://",
    ],
)
def test_what_is_no_address_is_refused_without_its_secret(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_address(text, URI, "desk")
    assert "secret@" not in str(refused.value)
