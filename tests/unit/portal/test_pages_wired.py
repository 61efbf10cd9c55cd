"""The pages' templates and static files hang together."""

from __future__ import annotations

import re

import services.portal.web.render as screens

TEMPLATES = screens.HERE / "templates"


def test_every_static_file_a_template_names_is_there() -> None:
    named = {
        name
        for page in TEMPLATES.glob("*.html")
        for name in re.findall(r"static\('([^']+)'\)", page.read_text())
    }

    assert named
    assert {name for name in named if not (screens.STATIC / name).is_file()} == set()


def test_no_template_holds_a_script_or_a_style_of_its_own() -> None:
    inline = re.compile(
        r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", re.IGNORECASE
    )

    assert {
        page.name: inline.findall(page.read_text())
        for page in TEMPLATES.glob("*.html")
        if inline.search(page.read_text())
    } == {}


def test_every_vendored_file_has_its_licence_and_version() -> None:
    vendor = screens.STATIC / "vendor"
    table = (vendor / "VENDOR.md").read_text()

    for path in vendor.iterdir():
        if path.suffix in (".js", ".css", ".woff2"):
            assert f"`{path.name}`" in table
            licence = re.split(r"[-.](?:min|sse|latin)|\.min", path.name)[0]
            assert list(vendor.glob(f"{licence}*.LICENSE")), path.name
