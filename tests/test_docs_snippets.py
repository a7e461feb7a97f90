"""The snippets of the documents are run. A comment before each block of shell or Python says how:

    <!-- session -->        against a running bridge, after the ones before it in the same document
    <!-- alone -->          in an empty directory, with nothing running
    <!-- not run: why -->   not at all

Python with `>>>` needs no comment: all of a document's are run together, and must give what stands there.
The documents name the default ports, or leave them out as `Client()` does; the test's bridge has others, so they are
replaced.
"""

from __future__ import annotations

import doctest
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.running import RunningBridge

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(
    r"(?:^<!-- (?P<how>[^\n]*?) -->\n)?^```(?P<language>python|sh|bash)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
HOW = re.compile(r"session|alone|examples|not run: \S.*")
PORT_OF = {
    "5555": "FEED", "5556": "SUBSCRIBE", "5557": "TERMINAL", "5558": "STRATEGY", "5559": "BROKER", "6380": "REDIS",
    "8000": "WEB", "8001": "STREAM",
}  # fmt: skip
TIMEOUT_S = 110.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A fenced block of a document."""

    document: Path
    line: int
    how: str
    language: str
    text: str

    @property
    def name(self) -> str:
        """Where it is."""
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def snippets(document: Path) -> list[Snippet]:
    """The blocks of shell and Python, in order."""
    text = document.read_text()
    return [
        Snippet(
            document=document,
            line=text.count("\n", 0, found.start()) + 1,
            how="examples" if found["text"].startswith(">>>") else found["how"] or "",
            language=found["language"],
            text=found["text"],
        )
        for found in BLOCK.finditer(text)
    ]


ALL = [snippet for document in DOCUMENTS for snippet in snippets(document)]
IN_SESSION = [snippet for snippet in ALL if snippet.how == "session"]
WITH_EXAMPLES = sorted({snippet.document for snippet in ALL if snippet.how == "examples"})
ALONE = [snippet for snippet in ALL if snippet.how == "alone"]


@pytest.fixture(scope="module")
def bridge() -> Iterator[RunningBridge]:
    with tempfile.TemporaryDirectory(prefix="zb-docs-", ignore_cleanup_errors=True) as home:
        running = RunningBridge(Path(home) / "var")
        running.start()
        running.be_patient()
        yield running
        running.abandon()


def test_every_snippet_says_how_it_is_run() -> None:
    assert ALL
    assert [snippet.name for snippet in ALL if not HOW.fullmatch(snippet.how)] == []


@pytest.mark.slow
@pytest.mark.parametrize("snippet", IN_SESSION, ids=lambda snippet: snippet.name)
def test_a_session_works_as_written(bridge: RunningBridge, snippet: Snippet) -> None:
    if "redis-cli" in snippet.text and shutil.which("redis-cli") is None:
        pytest.skip("redis-cli is not installed")
    done = _run(snippet, _with_ports(snippet.text, bridge), {**bridge.env, "KEY": bridge.api_key()}, bridge.var_dir)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip(), f"{snippet.name} printed nothing"
    for answer in _answers(done.stdout):
        assert "code" not in answer, answer


@pytest.mark.parametrize("snippet", ALONE, ids=lambda snippet: snippet.name)
def test_a_snippet_works_alone(snippet: Snippet, tmp_path: Path) -> None:
    done = _run(snippet, snippet.text, None, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("document", WITH_EXAMPLES, ids=lambda document: document.name)
def test_examples_give_what_stands_there(document: Path) -> None:
    results = doctest.testfile(str(document), module_relative=False)
    assert results.attempted
    assert not results.failed


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = [
        f"{document.name}: {target}"
        for document in DOCUMENTS
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert broken == []


def _run(
    snippet: Snippet, text: str, env: dict[str, str] | None, directory: Path
) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", text] if snippet.language == "python" else ["/bin/sh", "-e", "-c", text]
    return subprocess.run(
        argv, env=env, cwd=directory, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )


def _with_ports(text: str, bridge: RunningBridge) -> str:
    ports = f"subscribe_port={bridge.ports['SUBSCRIBE']}, strategy_port={bridge.ports['STRATEGY']}, "
    text = text.replace("Client(", f"Client({ports}")
    return re.sub(r"(?<![\w.])(55\d\d|6380|800[01])(?!\w)", lambda found: _port(found[0], bridge), text)


def _port(written: str, bridge: RunningBridge) -> str:
    return str(bridge.ports[PORT_OF[written]]) if written in PORT_OF else written


def _answers(output: str) -> list[dict[str, object]]:
    """The JSON objects that stand in lines of their own."""
    answers = []
    for line in output.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            answers.append(found)
    return answers
