"""`make mql5-check` without MetaQuotes' compiler: what it asks of one, and what it makes of the answers.

The stand-in for Wine is a script that does what MetaEditor's documentation says: it writes a UTF-16 log where it is
told to, and its exit code means nothing. With MQL5_COMPILER the real compiler is used too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mql5_compiler.compilers import Compiler
from tests.mql5_compiler.older import written_down
from tests.mql5_compiler.report import NotCompiled, read_report

ROOT = Path(__file__).resolve().parents[2]
RUN_TIMEOUT_S = 300
EDITOR_LOG = (
    "C:\\MQL5\\Experts\\A.mq5 : information: compiling 'A.mq5'\r\n"
    "C:\\MQL5\\Include\\B.mqh(12,5) : error 256: 'x' - undeclared identifier\r\n"
    "C:\\MQL5\\Include\\B.mqh(13,9) : warning 43: possible loss of data due to type conversion\r\n"
    "Result: 1 errors, 1 warnings, 212 ms elapsed, cpu='X64 Regular'\r\n"
)
EDITOR = """#!{python}
import pathlib, sys
words = dict(word[1:].split(":", 1) for word in sys.argv[2:])
paths = {{name: pathlib.Path(word[2:].replace(chr(92), "/")) for name, word in words.items()}}
assert paths["compile"].is_file() and (paths["include"] / "Include" / "ZmqBridge").is_dir()
count = int("{errors}")
text = "Result: %d errors, 0 warnings, 9 ms elapsed" % count
for number in range(count):
    text = "Z:%s(1,1) : error 100: broken" % paths["compile"] + chr(13) + chr(10) + text
paths["log"].write_text(text, encoding="utf-16")
sys.exit(1)
"""


def check(**env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in ("MQL5_COMPILER", "WINE")}
    argv = [sys.executable, "-m", "tests.mql5_compiler"]
    return subprocess.run(
        argv, cwd=ROOT, env=clean | env, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False
    )


def editor(folder: Path, *, errors: int) -> dict[str, str]:
    """The environment that names a stand-in for MetaEditor."""
    program, wine = folder / "MetaEditor64.exe", folder / "wine"
    program.write_bytes(b"MZ")
    wine.write_text(EDITOR.format(python=sys.executable, errors=errors))
    wine.chmod(0o755)
    return {"MQL5_COMPILER": str(program), "WINE": str(wine)}


def test_no_compiler_is_said_plainly_and_is_no_success() -> None:
    done = check()
    assert done.returncode == 2
    assert "NOT CHECKED: no compiler is given" in done.stderr
    assert "MQL5_COMPILER=" in done.stderr


def test_a_compiler_that_is_not_there_is_named() -> None:
    done = check(MQL5_COMPILER="/nowhere/metaeditor64.exe")
    assert done.returncode == 2
    assert "found nothing at /nowhere/metaeditor64.exe" in done.stderr


def test_every_program_is_given_to_metaeditor(tmp_path: Path) -> None:
    done = check(**editor(tmp_path, errors=0))
    assert done.returncode == 0, done.stderr
    folder = ROOT / "mql5_include"
    wanted = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.mq5"))
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == wanted


def test_an_error_is_shown_with_its_place(tmp_path: Path) -> None:
    done = check(**editor(tmp_path, errors=1))
    assert done.returncode == 1
    assert "Experts/ZmqBridge.mq5: 1 errors, 0 warnings" in done.stdout
    assert "ZmqBridge.mq5(1,1) : error 100: broken" in done.stdout


def test_no_log_is_no_success(tmp_path: Path) -> None:
    env = editor(tmp_path, errors=0)
    Path(env["WINE"]).write_text("#!/bin/sh\necho cannot\n")
    done = check(**env)
    assert done.returncode == 2
    assert "expected the log" in done.stderr


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-8-sig"])
def test_metaeditors_log_is_read(encoding: str) -> None:
    report = read_report(EDITOR_LOG.encode(encoding))
    assert (report.errors, report.warnings, report.is_clean) == (1, 1, False)
    assert [message.partition(" : ")[2][:11] for message in report.messages] == ["error 256: ", "warning 43:"]


def test_the_stand_alone_compilers_output_is_read() -> None:
    assert read_report(b"A.mq5\r\n\r\nResult: 0 error(s), 0 warning(s)\r\n").is_clean


def test_what_has_no_result_is_refused() -> None:
    with pytest.raises(NotCompiled, match="expected a line with the result"):
        read_report(b"MQL5 Compiler build 1162")


def test_writing_down_keeps_lines_and_texts() -> None:
    text = '// head\nclass A\n  {\n   bool F(MqlTick &t) override { return(OrderSend("MqlTick", 1)); } // x\n  };\n'
    old = written_down(text, Path("A.mqh"))
    assert old.count("\n") == text.count("\n") + 1
    third = " ".join(old.splitlines()[3].split())
    assert third == 'bool F ( NewerTick & t ) { return ( NewerOrderSend ( "MqlTick" , 1 ) ) ; }'
    assert written_down(text, Path("A.mq5")).startswith("#include <newer_names.mqh>\n")


@pytest.mark.slow
@pytest.mark.timeout(RUN_TIMEOUT_S)
def test_the_real_compiler_finds_nothing() -> None:
    named = os.environ.get("MQL5_COMPILER")
    if not named:
        pytest.skip("MQL5_COMPILER names no compiler of MetaQuotes: the sources are compiled by the host only")
    env = {"MQL5_COMPILER": named} | ({"WINE": os.environ["WINE"]} if "WINE" in os.environ else {})
    done = check(**env)
    assert done.returncode == 0, done.stdout + done.stderr


def test_metaeditor_is_told_from_the_stand_alone_compiler(tmp_path: Path) -> None:
    kinds = {
        name: Compiler(program=tmp_path / name, launcher=()).is_editor
        for name in ("metaeditor64.exe", "MetaEditor64.exe", "mql.exe", "mql64.exe")
    }
    assert list(kinds.values()) == [True, True, False, False]
