"""docs/risk.md says what the code does: its tables are generated, its snippets run, its limits have their defaults."""

import doctest
import re
from dataclasses import fields
from pathlib import Path

from risk.codes import MEASURES, Code, code_table
from risk.limits import Limits
from risk.states import RULES, Cause

PAGE = Path(__file__).parents[2] / "docs" / "risk.md"
TEXT = PAGE.read_text()


def test_the_table_of_codes_is_the_generated_one() -> None:
    found = re.search(r"<!-- codes -->\n(.*)\n<!-- /codes -->", TEXT, re.DOTALL)
    assert found is not None
    assert found[1] == code_table()


def test_the_snippets_run() -> None:
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert tried >= 6
    assert failed == 0


def test_every_limit_is_documented_with_its_default() -> None:
    for field in fields(Limits):
        if field.name in ("symbols", "hours"):
            assert f"`{field.name}`:" in TEXT
            continue
        default = f"{field.default:,}".replace(",", " ")
        in_heading = f"{field.name} ({field.default})" in TEXT.replace("`", "")
        in_table = re.search(rf"\| `{field.name}` \| {re.escape(default)} \|", TEXT) is not None
        assert in_heading or in_table, field.name


def test_every_cause_is_documented_with_its_rule() -> None:
    for cause in Cause:
        rule = RULES[cause]
        lifted = ", ".join(sorted(rule.lifted_by))
        cancels = "yes" if rule.cancels_pending else "no"
        assert f"| `{cause.value}` | {rule.state.value} | {lifted} | {cancels} |" in TEXT


def test_codes_are_their_own_names_and_each_has_a_sentence() -> None:
    for code in Code:
        assert code.value == code.name
        assert code.explanation.endswith(".")
        assert 20 < len(code.explanation) < 90
    assert len({code.explanation for code in Code}) == len(Code)


def test_measured_codes_name_what_they_measure() -> None:
    for found, expected in MEASURES.values():
        assert found
        assert expected
        assert found != expected
