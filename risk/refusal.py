"""How the inside of the package gives up: one exception, caught in `assess`, turned into a Denied value.

It never leaves the package. Code far down (a conversion inside a sum over positions) has no verdict to return, and a
missing figure must stop the whole decision, not one term of it.
"""

from risk.codes import Code


class Refused(Exception):
    """Something the decision needs is missing or unusable."""

    def __init__(self, code: Code, **context: object) -> None:
        super().__init__(code, context)
        self.code = code
        self.context = {name: str(value) for name, value in context.items()}
