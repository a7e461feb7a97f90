"""The gate's own codes are documented as they are."""

import re
from pathlib import Path

from risk.codes import code_table
from zmq_bridge.admission.answers import Code

TEXT = (Path(__file__).parents[2] / "docs" / "risk.md").read_text()


def test_the_table_of_the_gates_codes_is_the_generated_one():
    found = re.search(r"<!-- gate-codes -->\n(.*)\n<!-- /gate-codes -->", TEXT, re.DOTALL)
    assert found is not None
    assert found[1] == code_table(Code)


def test_every_code_is_its_own_name_and_has_a_sentence():
    for code in Code:
        assert code.value == code.name
        assert code.explanation.endswith(".")
