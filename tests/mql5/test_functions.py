"""MQL5's functions as the host has them: texts and byte arrays, arrays, numbers, files, by what MT5 documents."""

from __future__ import annotations

from collections.abc import Callable

RunScript = Callable[..., str]

TEXTS = r"""
void OnStart()
  {
   uchar bytes[], small[3];
   int count = StringToCharArray("aé€😀", bytes, 0, WHOLE_ARRAY, CP_UTF8);
   Print(count, " ", ArraySize(bytes), " ", bytes[10], " ",
         CharArrayToString(bytes, 0, WHOLE_ARRAY, CP_UTF8), " ", StringLen("aé€😀"));
   count = StringToCharArray("hello", bytes, 0, 5, CP_UTF8);
   Print(count, " ", ArraySize(bytes));
   count = StringToCharArray("hello", small);
   Print(count, " ", CharArrayToString(small, 0, 3));
   Print(StringFind("abcabc", "c", 3), StringFind("abc", "x"), " ",
         StringSubstr("abcdef", 2, 3), " [", StringSubstr("abc", 5), "]");
   string parts[];
   count = StringSplit("a,,b", ',', parts);
   Print(count, " ", parts[0], "|", parts[1], "|", parts[2]);
   count = StringSplit("", ',', parts);
   Print(count, " ", ArraySize(parts));
   string text = "  x y ";
   int left = StringTrimLeft(text), right = StringTrimRight(text);
   Print(left, right, "[", text, "]");
   count = StringReplace(text, " ", "__");
   Print(count, text);
   Print(DoubleToString(1.005, 2), " ", DoubleToString(-0.4, 0), " ",
         DoubleToString(123456.789), " ", NormalizeDouble(1.23456, 3));
   Print(IntegerToString(7, 3, '0'), " ", StringToInteger("42x"), " ",
         StringToDouble("1.5"), " ", StringToTime("2020.01.02 03:04"));
   Print(TimeToString(D'2020.01.02 03:04:05', TIME_DATE | TIME_SECONDS), " ",
         StringCompare("a", "B", false), " ", ShortToString(0x20AC));
   Print(MathRound(2.5), " ", MathRound(-2.5), " ", MathMax(3, 4), " ",
         MathMin(2.5, 3), " ", MathIsValidNumber(MathLog(-1.0)));
  }
"""

ARRAYS = """
void OnStart()
  {
   int a[] = {1, 2, 3}, b[2];
   int count = ArrayCopy(b, a);
   Print(count, " ", b[1]);
   count = ArrayCopy(a, b, 3);
   Print(count, " ", ArraySize(a), a[4]);
   count = ArrayCopy(a, a, 1, 0, 4);
   Print(count, " ", a[0], a[1], a[2], a[3], a[4]);
   ArrayRemove(a, 1, 2);
   Print(ArraySize(a), a[1]);
   count = ArrayResize(a, 100, 50);
   Print(count, " ", a[1]);
   ArrayFree(a);
   Print(ArraySize(a), " ", ArrayIsDynamic(a), ArrayIsDynamic(b));
   MqlTradeRequest request;
   ZeroMemory(request);
   Print(request.volume, " ", request.comment == NULL, " ", request.order);
  }
"""

FILES = r"""
void OnStart()
  {
   uchar some[] = {1, 2, 3, 4}, back[];
   int file = FileOpen("folder\\data.bin", FILE_WRITE | FILE_BIN);
   uint count = FileWriteArray(file, some);
   int second = FileOpen("folder\\data.bin", FILE_READ | FILE_BIN);
   Print(count, " ", FileTell(file), " ", second, " ", GetLastError());
   FileClose(file);
   file = FileOpen("folder/data.bin", FILE_READ | FILE_WRITE | FILE_BIN);
   FileSeek(file, 0, SEEK_END);
   count = FileWriteArray(file, some, 2, 1);
   Print(count, " ", FileSize(file));
   FileSeek(file, 1, SEEK_SET);
   count = FileReadArray(file, back);
   Print(count, " ", ArraySize(back), " ", back[3], " ", FileIsEnding(file), " ", FileReadArray(file, back));
   FileClose(file);
   file = FileOpen("folder/data.bin", FILE_READ | FILE_BIN);
   count = FileWriteArray(file, some);
   Print(count, " ", FileSize(file));
   FileClose(file);
   bool moved = FileMove("folder/data.bin", 0, "other.bin", 0);
   Print(moved, FileIsExist("folder/data.bin"), FileIsExist("other.bin"));
   file = FileOpen("..\\outside.bin", FILE_WRITE | FILE_BIN);
   Print(file, " ", GetLastError());
   file = FileOpen("none", FILE_READ | FILE_BIN);
   Print(file, " ", GetLastError());
   file = FileOpen("other.bin", FILE_WRITE | FILE_BIN);
   Print(FileSize(file), " ", FileDelete("other.bin"));
   FileClose(file);
   bool deleted = FileDelete("other.bin");
   Print(deleted, FileIsExist("other.bin"));
  }
"""


def test_texts_and_numbers(run_mql5: RunScript) -> None:
    assert run_mql5(TEXTS).splitlines()[:-1] == [
        "11 11 0 aé€😀 5",
        "5 11",
        "3 hel",
        "5-1 cde []",
        "3 a||b",
        "0 0",
        "21[x y]",
        "1x__y",
        "1.00 -0 123456.78900000 1.235",
        "007 42 1.5 2020.01.02 03:04:00",
        "2020.01.02 03:04:05 -1 €",
        "3.0 -3.0 4 2.5 false",
    ]


def test_arrays_are_resized_copied_filled_and_compared_as_in_mql5(run_mql5: RunScript) -> None:
    assert run_mql5(ARRAYS).splitlines()[:-1] == [
        "2 2",
        "2 52",
        "4 11231",
        "33",
        "100 3",
        "0 truefalse",
        "0.0 true 0",
    ]


def test_files_stay_in_their_folder(run_mql5: RunScript) -> None:
    assert run_mql5(FILES).splitlines()[:-1] == [
        "4 4 -1 5004",
        "1 5",
        "4 4 3 true 0",
        "0 5",
        "truefalsetrue",
        "-1 5002",
        "-1 5004",
        "0 false",
        "truefalse",
    ]
