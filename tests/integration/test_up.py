"""`signalbox up` and `doctor` as commands, where they must refuse; a whole stack is started by the
e2e tests.
"""

import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def signalbox(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")}
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=ROOT,
        env={**clean, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_taken_port_is_named_with_the_setting_that_moves_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = signalbox(
            "up",
            "--only",
            "router",
            "--data-dir",
            str(tmp_path),
            SIGNALBOX_ROUTER_METRICS_PORT=port,
        )
    assert done.returncode == 1
    assert (
        f"port {port} (router-metrics) is taken; move it with SIGNALBOX_ROUTER_METRICS_PORT"
        in done.stderr
    )
    assert "--free-ports" in done.stderr
    assert not (tmp_path / "up.json").exists()


def test_a_second_up_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = signalbox("up", "--json", "--data-dir", str(tmp_path))
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert said["ready"] is False
    assert "another `signalbox up` runs" in said["error"]


def test_a_wrong_setting_is_told_in_words(tmp_path: Path) -> None:
    done = signalbox("up", "--data-dir", str(tmp_path), SIGNALBOX_TOPIC_PARTITIONS="many")
    assert done.returncode == 78
    assert "SIGNALBOX_TOPIC_PARTITIONS" in done.stderr


def test_doctor_tells_each_thing_and_what_to_do(tmp_path: Path) -> None:
    """With nothing on the PATH, Java is what is missing."""
    done = signalbox(
        "doctor",
        "--json",
        PATH=str(tmp_path),
        SIGNALBOX_CACHE_DIR=str(tmp_path),
        KAFKA_BOOTSTRAP_SERVERS="",
    )
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert list(findings) == [
        "python",
        "packages",
        "java",
        "maven",
        "jars",
        "mongod",
        "kafka",
        "mongodb",
        "chromium",
        "ports",
        "disk",
    ]
    assert findings["java"]["state"] == "missing"
    assert "openjdk-17-jre-headless" in findings["java"]["advice"]
    assert done.returncode == 1


def test_doctor_asks_for_nothing_that_is_given(tmp_path: Path) -> None:
    given = {"KAFKA_BOOTSTRAP_SERVERS": "k:1", "MONGODB_URI": "mongodb://m"}
    done = signalbox(
        "doctor", "--json", PATH=str(tmp_path), SIGNALBOX_CACHE_DIR=str(tmp_path), **given
    )
    states = {finding["name"]: finding["state"] for finding in json.loads(done.stdout)}
    assert {states[name] for name in ("java", "maven", "jars", "mongod")} == {"ok"}
