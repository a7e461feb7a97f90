"""What a stored document and an answer of the API look like."""

from __future__ import annotations

from decimal import Decimal

import pytest

from zmq_bridge.storage.engine import dump_json, dump_rows, load_json


@pytest.mark.parametrize("text", ["0.00000000", "10000.00", "-0.00000001", "123456789012345678.12345678", "1000000"])
def test_a_decimal_is_written_with_its_digits_and_never_with_an_exponent(text: str) -> None:
    assert dump_json({"amount": Decimal(text)}) == dump_rows({"amount": Decimal(text)}) == f'{{"amount":"{text}"}}'
    assert load_json(dump_json({"amount": Decimal("1E+6")})) == {"amount": "1000000"}


def test_what_is_no_finite_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        dump_json({"amount": Decimal("NaN")})
