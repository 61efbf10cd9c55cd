"""MongoDB with TLS, client certificates and SCRAM, by options of MONGODB_URI; and what is said
where it does not let us in.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pymongo
import pytest

from shared.errors import Unavailable
from shared.storage.store import Store
from tests.support.certificates import Authority, Pair
from tests.support.mongod import running_mongod

pytestmark = [pytest.mark.integration, pytest.mark.long]

PASSWORD = "p%40ss"  # as a URI writes p@ss


def pem(path: Path, pair: Pair) -> str:
    path.write_text(pair.key + pair.cert)
    return str(path)


async def test_tls_scram_and_what_is_said_without_them(tmp_path: Path) -> None:
    authority, stranger = Authority(), Authority()
    (tmp_path / "ca.pem").write_text(authority.cert)
    (tmp_path / "other-ca.pem").write_text(stranger.cert)
    server = pem(tmp_path / "server.pem", authority.for_server("127.0.0.1", "localhost"))
    ours = pem(tmp_path / "ours.pem", authority.for_client("signalbox"))
    theirs = pem(tmp_path / "theirs.pem", stranger.for_client("signalbox"))
    tls = {"tls": "true", "tlsCAFile": str(tmp_path / "ca.pem"), "tlsCertificateKeyFile": ours}
    options = (
        "--tlsMode",
        "preferTLS",
        "--tlsCertificateKeyFile",
        server,
        "--tlsCAFile",
        str(tmp_path / "ca.pem"),
    )
    with running_mongod(tmp_path / "mongodb", options) as root:
        with pymongo.MongoClient[dict[str, object]](root) as client:
            for user, roles in (("writer", ["readWrite"]), ("reader", ["read"])):
                client["views"].command(
                    "createUser",
                    user,
                    pwd="p@ss",
                    roles=[{"role": r, "db": "views"} for r in roles],
                )
        host = root.rpartition("@")[2].partition("/")[0]

        async def write(who: str, how: dict[str, str]) -> None:
            uri = f"mongodb://{who}{host}/?{urlencode({'authSource': 'views', **how})}"
            store = Store(uri, "views", timeout_ms=3000)
            try:
                await store["rows"].insert({"at": 1})
                assert await store["rows"].count({}) >= 1
            finally:
                store.close()

        await write(f"writer:{PASSWORD}@", tls)
        await write(f"writer:{PASSWORD}@", {**tls, "authMechanism": "SCRAM-SHA-256"})
        for who, how, told in (
            ("writer:guessed@", tls, "it refuses our user: check the user, the password"),
            ("nobody:p@", tls, "it refuses our user"),
            (f"reader:{PASSWORD}@", tls, "our user may not do this: it needs the roles"),
            ("", tls, "our user may not do this"),
            (
                f"writer:{PASSWORD}@",
                {**tls, "tlsCAFile": str(tmp_path / "other-ca.pem")},
                "no TLS with it .*CERTIFICATE_VERIFY_FAILED.*check tls, tlsCAFile",
            ),
            (
                f"writer:{PASSWORD}@",
                {**tls, "tlsCertificateKeyFile": theirs},
                "tlsCertificateKeyFile in MONGODB_URI|hangs up on us",
            ),
        ):
            with pytest.raises(Unavailable, match=told) as refused:
                await write(who, how)
            assert "guessed" not in str(refused.value)
            assert PASSWORD not in str(refused.value)
