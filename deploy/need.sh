#!/usr/bin/env bash
# What the Makefile needs from the machine: brings it on Debian when root, and otherwise says in one line what to install.
set -euo pipefail

have() { command -v "$1" >/dev/null 2>&1; }

bring() { # package, what it is for
  if [ "$(id -u)" = 0 ] && have apt-get; then
    echo "installing $1 ($2)"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1 ||
      { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1" >/dev/null; }
  else
    echo "please install $1 ($2), then run make again" >&2
    exit 1
  fi
}

case "${1:?venv, engine, browser, alertmanager or promtool}" in
  venv)
    python=${2:-python3}
    have "$python" || { echo "please install Python 3.11 or newer, or name one: make PYTHON=python3.12" >&2; exit 1; }
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
      { echo "$python is older than 3.11; name a newer one: make PYTHON=python3.12" >&2; exit 1; }
    "$python" -c 'import ensurepip' 2>/dev/null || bring python3-venv "Debian keeps Python's venv apart"
    ;;
  engine)
    [ -z "${KAFKA_BOOTSTRAP_SERVERS:-}" ] || exit 0
    have java || bring openjdk-17-jre-headless "Java, to run the embedded Kafka; or set KAFKA_BOOTSTRAP_SERVERS"
    have mvn || bring maven "it fetches Kafka's jars once; or set KAFKA_BOOTSTRAP_SERVERS"
    ;;
  browser)
    have chromium || have chromium-browser || have google-chrome || bring chromium "the browser tests drive it"
    ;;
  alertmanager)
    have prometheus-alertmanager || bring prometheus-alertmanager "make chaos sends alerts by it"
    ;;
  promtool)
    have promtool || bring prometheus "its promtool tries our alert rules"
    ;;
esac
