"""Write sources down to what a MetaQuotes compiler of 2015 knows, line for line; columns move.

It has no `override`, no `final` and no `union`, and knows neither sockets nor hedging: newer_names.mqh supplies those
names, and what exists in another form is renamed to what is declared there.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.mql5_host.tokens import Kind, Token, tokens_of

PRELUDE = Path(__file__).with_name("newer_names.mqh")
OLD_BUILD_MAX = 1500  # builds up to this one need it; hedging came in 1325, sockets in 1930
GONE = frozenset({"override", "final"})
RENAMED = {
    "union": "struct",  # the types of what is in it are checked, and nothing runs
    "MqlTick": "NewerTick",
    "MqlTradeRequest": "NewerRequest",
    "MqlTradeResult": "NewerResult",
    "MqlTradeTransaction": "NewerTransaction",
    "CopyTicks": "NewerCopyTicks",
    "CopyTicksRange": "NewerCopyTicksRange",
    "SymbolInfoTick": "NewerSymbolTick",
    "OrderSend": "NewerOrderSend",
    "OnTradeTransaction": "OnNewerTransaction",
}


def write_down(mql5: Path) -> None:
    """Rewrite every source below an MQL5 folder and put the newer names beside them."""
    for path in [*mql5.rglob("*.mqh"), *mql5.rglob("*.mq5")]:
        path.write_text(written_down(path.read_text(encoding="utf-8-sig"), path))
    shutil.copy(PRELUDE, mql5 / "Include")


def written_down(text: str, path: Path) -> str:
    """One source. A program's first line, which is a comment, gets the newer names."""
    lines = [""] * (text.count("\n") + 1)
    for token in tokens_of(text, path.name):
        lines[token.line - 1] += f"{_older(token)} "
    if path.suffix == ".mq5" and '.mq5"' not in text:
        lines[0] = f"#include <{PRELUDE.name}>"
    return "\n".join(lines) + "\n"


def _older(token: Token) -> str:
    if token.kind is not Kind.NAME:
        return token.text
    return "" if token.text in GONE else RENAMED.get(token.text, token.text)
