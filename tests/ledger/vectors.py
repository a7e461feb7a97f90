"""The worked numbers that the ledger must reproduce, as literals; compared with the shared file when it is there."""

from typing import Any

VECTORS: dict[str, Any] = {
    "V1_late_joiner": {
        "steps": [["subscribe", "A", "1000.00"], ["pnl", "200.00"], ["subscribe", "B", "1200.00"], ["pnl", "240.00"]],
        "expect": {"units_B": "1000.00000000", "claims": {"A": "1320.00", "B": "1320.00"}},
        "note": "investment/total would give A 1200.00 and B 1440.00: it moves 120.00 between two people.",
    },
    "V4_fee_per_lot": {
        "given": "price 110; lot X: 1000 units bought at 100; lot Y: 1000 units bought at 90; performance fee 20 %",
        "expect": {
            "fee_X": "2000.00",
            "fee_Y": "4000.00",
            "units_burned_X": "18.18181819",
            "units_burned_Y": "36.36363637",
        },
    },
    "V5_allocation": [
        {"amount": "100.00", "weights": ["1", "1", "1"], "expect": ["33.34", "33.33", "33.33"]},
        {"amount": "0.05", "weights": ["3", "7"], "expect": ["0.02", "0.03"]},
        {"amount": "-0.05", "weights": ["3", "7"], "expect": ["-0.02", "-0.03"]},
        {"amount": "0.02", "weights": ["56", "56", "56", "32"], "expect": ["0.01", "0.01", "0.00", "0.00"]},
        {"amount": "0.15", "weights": ["0", "1", "1"], "expect": ["0.00", "0.08", "0.07"]},
        {
            "amount": "-1234.57",
            "weights": ["5000", "3000", "1111.11111111"],
            "expect": ["-677.51", "-406.50", "-150.56"],
        },
    ],
    "V6_balance_from_deals": {
        "columns": ["ticket", "type", "entry", "profit", "commission", "swap", "fee"],
        "deals": [
            [1, "balance", "in", "10000.00", "0", "0", "0"],
            [2, "buy", "in", "0", "-3.50", "0", "0"],
            [3, "sell", "out", "120.40", "-3.50", "-1.25", "0"],
            [3, "sell", "out", "120.40", "-3.50", "-1.25", "0"],
            [4, "buy", "in", "0", "-1.75", "0", "-0.10"],
            [5, "sell", "inout", "-42.15", "-3.50", "0", "-0.20"],
            [6, "charge", "in", "-5.00", "0", "0", "0"],
            [7, "balance", "out", "-500.00", "0", "0", "0"],
            [8, "credit", "in", "200.00", "0", "0", "0"],
        ],
        "floating_profit": "-31.27",
        "expect": {"balance": "9559.45", "credit": "200.00", "equity": "9728.18", "nav": "9528.18"},
        "note": "ticket 3 arrives twice",
    },
    "V11_performance": {
        "given": "start 10000; grows to 11000; deposit 9000; falls to 19000",
        "expect": {"twr": "0.045", "gain": "0.00"},
        "drawdown_given": "index peak when equity 12500, falls to 10100, then 1000 is withdrawn",
        "drawdown_expect": {"before": "0.192", "after": "0.192", "note": "raw equity would say 0.272"},
    },
}
