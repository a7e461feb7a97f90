"""Every format, every way a line can be wrong, and the two real files."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.world import HISTDATA, TRUEFX
from zmq_bridge.protocol.ticks import Tick
from zmq_bridge.simulator.errors import MalformedLine, TickFileError
from zmq_bridge.simulator.generator import TickStream, generate
from zmq_bridge.simulator.tick import quote_tick
from zmq_bridge.simulator.tickfiles import TickFile, write_tick_file


def msc(*moment: int) -> int:
    year, month, day, hour, minute, second = (*moment, 0, 0, 0)[:6]
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp() * 1000)


def write(directory: Path, name: str, *lines: str, ending: str = "\n") -> Path:
    path = directory / name
    path.write_bytes(ending.join([*lines, ""]).encode())
    return path


QUOTES = ("2013-01-01 22:00:00.295999+00:00,86.655,86.728", "2013-01-01T22:00:01Z,86.656,86.729")
TRUEFX_RAW = ("EUR/USD,20130101 21:59:59.123,1.31942,1.31946", "EUR/USD,20130101 22:00:00.000,1.31943,1.31947")
HIST = ("20200101 170000065,1.121200,1.121720,0", "20200101 170010447,1.121200,1.121920,3")
DUKAS = ("01.01.2020 22:00:00.065,1.12172,1.12120,1.5,0.75", "01.01.2020 22:00:10.447,1.12192,1.12120,1,1")
MT5 = (
    "2020.01.01\t17:00:00.065\t1.12120\t1.12172\t\t\t6",
    "2020.01.01\t17:00:10.447\t\t1.12192\t\t\t4",
    "2020.01.01\t17:00:11.000\t1.12130\t\t1.12131\t2.5\t26",
)


@pytest.mark.parametrize(
    ("name", "lines", "format", "symbol", "offset_s", "expected"),
    [
        ("q-usdjpy.csv", ("timestamp,bid,ask", *QUOTES), "quotes", "USDJPY", 0,
         [(msc(2013, 1, 1, 22) + 295, 86.655, 86.728), (msc(2013, 1, 1, 22, 0, 1), 86.656, 86.729)]),
        ("usdjpy.csv", QUOTES, "quotes", "USDJPY", 0,
         [(msc(2013, 1, 1, 22) + 295, 86.655, 86.728), (msc(2013, 1, 1, 22, 0, 1), 86.656, 86.729)]),
        ("anything.csv", TRUEFX_RAW, "truefx", "EURUSD", 0,
         [(msc(2013, 1, 1, 21, 59, 59) + 123, 1.31942, 1.31946), (msc(2013, 1, 1, 22), 1.31943, 1.31947)]),
        ("DAT_ASCII_EURUSD_T_202001.csv", HIST, "histdata", "EURUSD", -18000,
         [(msc(2020, 1, 1, 17) + 65, 1.1212, 1.12172), (msc(2020, 1, 1, 17, 0, 10) + 447, 1.1212, 1.12192)]),
        ("EURUSD_Ticks.csv", ("Gmt time,Ask,Bid,AskVolume,BidVolume", *DUKAS), "dukascopy", "EURUSD", None,
         [(msc(2020, 1, 1, 22) + 65, 1.1212, 1.12172), (msc(2020, 1, 1, 22, 0, 10) + 447, 1.1212, 1.12192)]),
        ("EURUSD.z_202001010000_202001312359.csv", ("<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>", *MT5),
         "mt5", "EURUSD.z", None,
         [(msc(2020, 1, 1, 17) + 65, 1.1212, 1.12172), (msc(2020, 1, 1, 17, 0, 10) + 447, 1.1212, 1.12192),
          (msc(2020, 1, 1, 17, 0, 11), 1.1213, 1.12192)]),
    ],
)  # fmt: skip
def test_each_format_is_recognised_and_read(
    tmp_path: Path, name: str, lines: tuple[str, ...], format: str, symbol: str, offset_s: int | None,
    expected: list[tuple[int, float, float]],
) -> None:  # fmt: skip
    file = TickFile(write(tmp_path, name, *lines))
    assert (file.format.name, file.symbol, file.clock_offset_s) == (format, symbol, offset_s)
    assert [tick[:3] for tick in file] == expected


def test_empty_columns_of_an_mt5_export_repeat_the_value_before(tmp_path: Path) -> None:
    ticks = list(TickFile(write(tmp_path, "EURUSD.csv", *MT5)))
    assert ticks == [
        Tick(msc(2020, 1, 1, 17) + 65, 1.1212, 1.12172, 0.0, 0.0, 6),
        Tick(msc(2020, 1, 1, 17, 0, 10) + 447, 1.1212, 1.12192, 0.0, 0.0, 4),
        Tick(msc(2020, 1, 1, 17, 0, 11), 1.1213, 1.12192, 1.12131, 2.5, 26),
    ]


def test_flags_of_an_export_without_them_say_which_columns_were_filled(tmp_path: Path) -> None:
    lines = [line.rsplit("\t", 1)[0] for line in MT5]
    assert [tick.flags for tick in TickFile(write(tmp_path, "EURUSD.csv", *lines))] == [6, 4, 26]


@pytest.mark.parametrize("stamp", ["1577916000065", "2020.01.01 22:00:00.065", "01.01.2020 22:00:00.065 GMT+0000"])
def test_dukascopy_writes_time_in_several_ways(tmp_path: Path, stamp: str) -> None:
    lines = ("time,askPrice,bidPrice,askVolume,bidVolume", f"{stamp},1.12172,1.12120,1.5,0.75")
    assert list(TickFile(write(tmp_path, "eurusd.csv", *lines))) == [
        quote_tick(msc(2020, 1, 1, 22) + 65, 1.1212, 1.12172, 2.25)
    ]


def test_columns_follow_the_header_where_it_puts_bid_first(tmp_path: Path) -> None:
    lines = ("Time,Bid,Ask,BidVolume,AskVolume", "01.01.2020 22:00:00.065,1.12120,1.12172,1,1")
    assert next(iter(TickFile(write(tmp_path, "eurusd.csv", *lines)))).bid == 1.1212


def test_windows_line_ends_marks_and_packing_are_nothing_to_the_reader(tmp_path: Path) -> None:
    plain = list(TickFile(write(tmp_path, "eurusd.csv", *HIST)))
    windows = write(tmp_path, "eurusd-w.csv", "", *HIST, ending="\r\n")
    marked = tmp_path / "eurusd-m.csv"
    marked.write_bytes("\n".join(HIST).encode("utf-8-sig"))
    wide = tmp_path / "EURUSD.csv"
    wide.write_bytes("\r\n".join(MT5).encode("utf-16"))
    packed = tmp_path / "eurusd.csv.gz"
    packed.write_bytes(gzip.compress("\n".join(HIST).encode()))
    for path in (windows, marked, packed):
        assert list(TickFile(path)) == plain
    assert len(list(TickFile(wide))) == 3


@pytest.mark.parametrize(
    ("line", "expected", "found"),
    [
        ("20200101 170012579,1.121200", "4 columns", "20200101 170012579,1.121200"),
        ("20200132 170012579,1.1,1.2,0", "a time YYYYMMDD HHMMSSmmm", "20200132 170012579"),
        ("20200101 240012579,1.1,1.2,0", "a time YYYYMMDD HHMMSSmmm", "20200101 240012579"),
        ("20200101 17001257,1.1,1.2,0", "a time YYYYMMDD HHMMSSmmm", "20200101 17001257"),
        ("20200101 170012579,x,1.2,0", "a number as bid", "x"),
        ("20200101 170012579,nan,1.2,0", "a positive bid", "nan"),
        ("20200101 170012579,1.1,inf,0", "a positive ask", "inf"),
        ("20200101 170012579,0,1.2,0", "a positive bid", "0"),
        ("20200101 170012579,1.3,1.2,0", "ask >= bid", "bid=1.3, ask=1.2"),
        ("20200101 170012579,1.1,1.2,-1", "a volume of at least 0", "-1"),
        ("20200101 160000000,1.1,1.2,0", "times in order", "20200101 160000000,1.1,1.2,0"),
        ("\x00\xff garbage", "4 columns", "garbage"),
    ],
)
def test_a_malformed_line_is_reported_with_file_line_expected_and_found(
    tmp_path: Path, line: str, expected: str, found: str
) -> None:
    path = write(tmp_path, "eurusd.csv", *HIST, line, "20200101 180000000,1.1,1.2,0")
    with pytest.raises(MalformedLine) as error:
        list(TickFile(path))
    assert error.value.line == 3
    assert str(error.value).startswith(f"{path}, line 3: expected ")
    assert expected in error.value.expected
    assert found in error.value.found


def test_line_numbers_count_headers_and_blank_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "usdjpy.csv", "timestamp,bid,ask", QUOTES[0], "", "nonsense", QUOTES[1])
    with pytest.raises(MalformedLine) as error:
        list(TickFile(path))
    assert error.value.line == 4


def test_bad_lines_can_be_skipped_and_are_counted_and_told(tmp_path: Path) -> None:
    told: list[MalformedLine] = []
    path = write(tmp_path, "eurusd.csv", HIST[0], "garbage", HIST[1], "20200101 160000000,1.1,1.2,0")
    file = TickFile(path, policy="skip", on_skip=told.append)
    assert len(list(file)) == 2
    assert file.skipped == 2
    assert [problem.line for problem in told] == [2, 4]
    assert len(list(file)) == 2  # a second pass counts anew
    assert file.skipped == 2


def test_a_line_without_end_is_malformed_not_a_memory_hog(tmp_path: Path) -> None:
    path = write(tmp_path, "eurusd.csv", HIST[0], "9" * 10_000_000, HIST[1])
    file = TickFile(path, policy="skip")
    assert len(list(file)) == 2
    assert file.skipped == 1


@pytest.mark.parametrize(
    ("name", "lines", "needed"),
    [
        ("eurusd.csv", (), "an empty file"),
        ("eurusd.csv", ("what,is,this", "1;2;3"), "a known tick format"),
        ("data.csv", HIST, "a currency pair in the name"),
        ("truefx.csv", HIST, "a currency pair in the name"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(
    tmp_path: Path, name: str, lines: tuple[str, ...], needed: str
) -> None:
    with pytest.raises(TickFileError, match=needed):
        TickFile(write(tmp_path, name, *lines))


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(TickFileError, match="No such file"):
        TickFile(tmp_path / "eurusd.csv")


def test_symbol_and_format_can_be_given(tmp_path: Path) -> None:
    file = TickFile(write(tmp_path, "data.csv", *HIST), symbol="EURUSDm", format="histdata")
    assert file.symbol == "EURUSDm"
    with pytest.raises(TickFileError, match="expected a format out of quotes"):
        TickFile(file.path, symbol="EURUSD", format="xls")
    with pytest.raises(MalformedLine):
        list(TickFile(file.path, symbol="EURUSD", format="truefx"))


@pytest.mark.skipif(not HISTDATA.exists(), reason="needs ../shared/data")
def test_the_real_histdata_file_reads_to_the_last_quote() -> None:
    ticks = list(TickFile(HISTDATA))
    assert len(ticks) == 9500
    assert ticks[0] == quote_tick(msc(2020, 1, 1, 17) + 65, 1.1212, 1.12172)
    assert ticks[-1] == quote_tick(msc(2020, 1, 1, 23, 0, 52) + 125, 1.1213, 1.12132)


@pytest.mark.skipif(not TRUEFX.exists(), reason="needs ../shared/data")
def test_the_real_truefx_file_reads_to_the_last_quote() -> None:
    file = TickFile(TRUEFX)
    ticks = list(file)
    assert (file.symbol, file.format.name, len(ticks)) == ("USDJPY", "quotes", 1000)
    assert ticks[-1] == quote_tick(msc(2013, 1, 1, 22, 35, 13) + 494, 86.836, 86.854)


@pytest.mark.parametrize("format", ["histdata", "quotes", "mt5"])
def test_a_written_file_reads_back_as_it_was(tmp_path: Path, format: str) -> None:
    source = generate(7, (TickStream(symbol="EURUSD", price=1.1, digits=5, spread_points=9),), msc(2024, 1, 1))
    ticks = [next(source)[1] for _ in range(500)]
    path = tmp_path / "eurusd.csv"
    assert write_tick_file(path, ticks, digits=5, format=format) == 500
    assert list(TickFile(path)) == ticks


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_ticks_or_a_tick_file_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "eurusd.csv"
    path.write_bytes(HIST[0].encode() + b"\n" + data)
    try:
        for tick in TickFile(path):
            assert 0 < tick.bid <= tick.ask
    except TickFileError:
        pass
