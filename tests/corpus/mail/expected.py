"""What each corpus itself says is right: its own snapshots, tables and assertions, read as data.
Nothing of a corpus is run.
"""

from __future__ import annotations

import ast
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser
from xml.etree import ElementTree

from tests.corpus.mail.elsewhere import Files, elsewhere
from tests.corpus.mail.sources import HERE, archives


@dataclass(frozen=True, slots=True)
class Expected:
    """One message and what its corpus says of it. None: it says nothing.

    `text`: the whole text. `holds`: texts that stand in it. `keeps`: texts that stand in it, in
    the page or in a file. `words`: the words of a page, in their order. `files`: names of files.
    `failed`: addresses that a report says failed. `reply`: what is new; then `raw` is a mail where
    `name` ends with `.eml`, else a bare text.
    """

    corpus: str
    name: str
    raw: bytes
    subject: str | None = None
    text: str | None = None
    holds: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    words: tuple[str, ...] | None = None
    files: tuple[str, ...] = ()
    failed: frozenset[str] | None = None
    reply: str | None = None


def all_expected() -> Iterator[Expected]:
    yield from mail_parser_rust(elsewhere("mail-parser"))
    yield from mime4j(elsewhere("org.apache.james:apache-mime4j-core:jar:tests"))
    yield from enmime(elsewhere("github.com/jhillyerd/enmime/v2"))
    yield from mailbits(packed("mailbits"))
    yield from flufl_bounce(packed("flufl.bounce"))
    yield from talon(packed("talon"))
    yield from quotequail(packed("quotequail"))


def packed(name: str) -> Files:
    """The files of a package that pip fetched, without the archive's own folder."""
    lines = (HERE / "packages.txt").read_text().splitlines()
    line = next(line for line in lines if line.startswith(f"{name}=="))
    files: Files = {}
    for archive in archives(name, line):
        with tarfile.open(archive) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isfile() else None
                if file is not None:
                    files[member.name.partition("/")[2]] = file.read()
    return files


class _Words(HTMLParser):
    """The words of a page, by the standard library and not by our own reader of pages."""

    _UNSEEN = ("style", "script", "title", "head")

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._hidden += tag in self._UNSEEN
        self.texts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in self._UNSEEN and self._hidden > 0
        self.texts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.texts.append(data)


def words_of(page: str) -> tuple[str, ...]:
    parser = _Words()
    parser.feed(page)
    parser.close()
    return tuple(re.findall(r"\w+", "".join(parser.texts)))


def mail_parser_rust(files: Files) -> Iterator[Expected]:
    """Snapshots in JSON: the tree, the roles of its parts, decoded texts and names of files."""
    for path in sorted(files):
        stem = path.removesuffix(".json").removesuffix(".crlf")
        raw = files.get(f"{stem}.eml")
        if raw is None or not path.endswith(".json") or "/resources/eml/" not in path:
            continue
        if path.endswith(".crlf.json"):
            raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        snapshot = json.loads(files[path])
        if not snapshot["messages"]:
            continue
        message, parts = snapshot["messages"][0], snapshot["parts"]
        bodies = [parts[number] for number in message["text_body"]]
        contents = [part.get("text") or part.get("html") or "" for part in bodies]
        pages = any(part["kind"] == "html" for part in bodies)
        yield Expected(
            "mail-parser (Rust)",
            path.partition("/resources/eml/")[2].removesuffix(".json"),
            raw,
            subject=_last_subject(parts[message["root"]]["headers"]),
            text=None if pages else "\n".join(contents),
            words=tuple(word for text in contents for word in words_of(text)) if pages else None,
            files=tuple(filter(None, (_name_of(parts[at]) for at in message["attachments"]))),
        )


def _last_subject(headers: list[dict[str, object]]) -> str:
    for header in headers:
        value = header["value"]
        if str(header["name"]).lower() == "subject" and isinstance(value, dict):
            return str(value.get("text") or "")
    return ""


def _name_of(part: dict[str, object]) -> str:
    names = {}
    headers = part["headers"]
    for header in headers if isinstance(headers, list) else []:
        value = header["value"]
        if isinstance(value, dict) and "content_type" in value:
            names |= {key.lower(): text for key, text in value["content_type"]["attributes"] or ()}
    return str(names.get("filename") or names.get("name") or "")


def mime4j(files: Files) -> Iterator[Expected]:
    """XML of the tree, and a file for each decoded leaf (Apache James; MIME-tools' mails, too)."""
    for path in sorted(files):
        stem = path.removesuffix("_decoded.xml")
        raw = files.get(f"{stem}.msg")
        if stem == path or raw is None:
            continue
        try:
            root = ElementTree.fromstring(re.sub(rb"&#x?[0-8bBcCeEfF];", b"", files[path]))
        except ElementTree.ParseError:
            continue
        folder = path.rpartition("/")[0]
        yield Expected(
            "mime4j",
            stem.partition("testmsgs/")[0].rpartition("/")[2] + stem.rpartition("/")[2],
            raw,
            subject=_field(root, "subject"),
            holds=tuple(
                text
                for name, charset in _own_texts(root, "mixed")
                if (text := _decoded(files.get(f"{folder}/{name}", b""), charset)) is not None
            ),
        )


def _field(part: ElementTree.Element, name: str) -> str | None:
    for field in part.iterfind("./header/field"):
        key, _, value = (field.text or "").strip().partition(":")
        if key.strip().lower() == name:
            value = re.sub(r"\r?\n", "", value).strip()
            if not value.isascii():
                return None
            decoded = message_from_bytes(b"Subject: " + value.encode(), policy=default)
            return str(decoded["subject"])
    return None


def _own_texts(part: ElementTree.Element, inside: str) -> Iterator[tuple[str, str]]:
    """Name and charset of each plain text that is no file; of an alternative, the first one."""
    kind = (_field(part, "content-type") or "text/plain").lower()
    held = part.find("./multipart")
    if held is not None:
        found = [list(_own_texts(child, kind)) for child in held.iterfind("./body-part")]
        if kind.startswith("multipart/alternative"):
            found = [texts for texts in found if texts][:1]
        yield from (text for texts in found for text in texts)
        return
    leaf = part.find("./text-body")
    is_file = "name=" in kind or re.match(
        r"attachment|.*filename", _field(part, "content-disposition") or "", re.S
    )
    if leaf is not None and kind.startswith("text/plain") and not is_file:
        charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", kind)
        yield leaf.get("name", ""), charset[1] if charset else "us-ascii"


def _decoded(content: bytes, charset: str) -> str | None:
    """None where the standard library cannot read it strictly: then the corpus says nothing."""
    try:
        return content.decode("utf-8" if charset == "us-ascii" else charset)
    except (LookupError, UnicodeError):
        return None


_GO_TEXT = r'"((?:[^"\\\n]|\\.)*)"'
_GO_FUNCTION = re.compile(r"^func Test\w+\(.*?^}", re.S | re.M)
_GO_STEP = re.compile(
    rf'OpenTestData\("(\w+)", "([^"]+\.raw)"\)|\bwant :?= {_GO_TEXT}'
    r"|(e\.Text != want)|(strings\.Contains\(e\.Text, want\))"
    r'|(e\.GetHeader\("Subject"\))|(p\.Content, want\))|FileName'
)


def enmime(files: Files) -> Iterator[Expected]:
    """Assertions of its Go tests: `want` and what it is compared with next."""
    raws = {
        "/".join(path.split("/")[-2:]): content
        for path, content in files.items()
        if path.endswith(".raw") and "/testdata/" in path
    }
    found: dict[str, dict[str, list[str]]] = {}
    for path, content in files.items():
        if not path.endswith(("/envelope_test.go", "/part_test.go")):
            continue
        for function in _GO_FUNCTION.findall(content.decode()):
            name = want = ""
            about_subject = False
            for step in _GO_STEP.finditer(function):
                if step[2]:
                    name, want, about_subject = f"{step[1]}/{step[2]}", "", False
                elif step[3] is not None:
                    want = _go_text(step[3])
                elif name and want and (step[4] or step[5] or step[7]):
                    kind = "text" if step[4] else "holds" if step[5] else "keeps"
                    found.setdefault(name, {}).setdefault(kind, []).append(want)
                    want = ""
                elif name and want and step[6]:
                    about_subject = True
                if about_subject and want:
                    found.setdefault(name, {}).setdefault("subject", []).append(want)
                    about_subject = False
    for name, said in sorted(found.items()):
        if name in raws:
            yield Expected(
                "enmime (Go)",
                name,
                raws[name],
                subject=said["subject"][-1] if "subject" in said else None,
                text=said["text"][-1] if "text" in said else None,
                holds=tuple(said.get("holds", ())),
                keeps=tuple(text for text in said.get("keeps", ()) if not text.startswith("<")),
            )


def _go_text(written: str) -> str:
    try:
        return str(json.loads(f'"{written}"'))
    except ValueError:
        return ""


def mailbits(files: Files) -> Iterator[Expected]:
    """A dictionary in Python for each mail: of it, the subject and the first text."""
    for path in sorted(files):
        script = files.get(path.removesuffix(".eml") + ".py")
        if path.endswith(".eml") and script is not None:
            pairs = [
                (key.value, value.value)
                for node in ast.walk(ast.parse(script))
                if isinstance(node, ast.Dict)
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
            ]
            subjects = [value for key, value in pairs if key == "subject"]
            texts = [value for key, value in pairs if key == "content" and isinstance(value, str)]
            plain = [text for text in texts if not text.lstrip().startswith("<")]
            yield Expected(
                "mailbits",
                path.rpartition("/")[2],
                files[path],
                subject=str(subjects[0]) if subjects else None,
                holds=tuple(plain[:1]),
            )


def flufl_bounce(files: Files) -> Iterator[Expected]:
    """The table of its detectors: module, file, addresses, whether it is only a warning."""
    addresses: dict[str, set[str]] = {}
    tree = ast.parse(files.get("tests/test_detectors.py", b""))
    for node in ast.walk(tree):
        names = [each.id for each in getattr(node, "targets", ()) if isinstance(each, ast.Name)]
        if isinstance(node, ast.Assign) and names == ["DETECTORS"]:
            for _, name, failed, _ in ast.literal_eval(node.value):
                addresses.setdefault(name, set()).update(each.decode().lower() for each in failed)
    for name, failed in sorted(addresses.items()):
        raw = files.get(f"tests/data/{name}", b"")
        yield Expected("flufl.bounce", name, raw, failed=frozenset(failed))


def talon(files: Files) -> Iterator[Expected]:
    """Replies of real mail programs, and the texts that its tests hold."""
    folder = "tests/fixtures/standard_replies/"
    for path in sorted(files):
        if path.startswith(folder) and path.endswith(".eml"):
            wanted = files.get(path.removesuffix(".eml") + "_reply_text", b"Hello").decode()
            name = path.removeprefix(folder)
            yield Expected("talon", name, files[path], reply=wanted.strip())
    tree = ast.parse(files.get("tests/text_quotations_test.py", b""))
    for function in tree.body:
        if isinstance(function, ast.FunctionDef):
            yield from _talon_texts(function)


def _talon_texts(function: ast.FunctionDef) -> Iterator[Expected]:
    known: dict[str, str] = {}
    count = 0
    for statement in function.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            text = _constant(statement.value, known)
            known |= {statement.targets[0].id: text} if text is not None else {}
        call = statement.value if isinstance(statement, ast.Expr) else None
        if (
            isinstance(call, ast.Call)
            and ast.unparse(call.func) == "eq_"
            and isinstance(call.args[1], ast.Call)
            and ast.unparse(call.args[1].func) == "quotations.extract_from_plain"
        ):
            wanted = _constant(call.args[0], known)
            text = _constant(call.args[1].args[0], known)
            if wanted is not None and text is not None:
                count += 1
                name = function.name.removeprefix("test_")
                name = name if count == 1 else f"{name} {count}"
                yield Expected("talon", name, text.encode(), reply=wanted)


def _constant(node: ast.expr, known: dict[str, str]) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return known.get(node.id) if isinstance(node, ast.Name) else None


def quotequail(files: Files) -> Iterator[Expected]:
    """Rows `text, expected, expected with the line above`: what is no quotation is new."""
    tree = ast.parse(files.get("tests/test_quote.py", b""))
    number = 0
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Tuple) and len(node.elts) == 3):
            continue
        try:
            text, _, rows = ast.literal_eval(node)
        except ValueError:
            continue
        if isinstance(text, str) and isinstance(rows, list):
            number += 1
            new = "\n".join(said for is_new, said in rows if is_new)
            yield Expected("quotequail", f"row {number}", text.encode(), reply=new)
