"""The translator: what becomes of single pieces of MQL5, and what it refuses. What they do is `test_language`'s."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mql5_host.tokens import TranslationError
from tests.mql5_host.translate import translate


def translated(tmp_path: Path, text: str) -> str:
    """The program's own part of the C++, its tokens with one blank between them."""
    path = tmp_path / "sample.mq5"
    path.write_text(text)
    words = " ".join(line for line in translate(path, [tmp_path]).splitlines() if not line.startswith("#line")).split()
    return " ".join(words)


@pytest.mark.parametrize(
    ("mql5", "cpp"),
    [
        ("int a[];", "dynamic_array<int> a ;"),
        ("uchar a[4];", "fixed_array<uchar, (4)> a ;"),
        ("double a[][2];", "dynamic_array<fixed_array<double, (2)>> a ;"),
        (
            "int n = 3, a[], b[2] = {1, 2};",
            "int n = 3 ; dynamic_array<int> a ; fixed_array<int, (2)> b = { { 1 , 2 } } ;",
        ),
        (
            "void f(const uchar &a[], int &b[], int &c);",
            "void f ( const_array_ref<uchar> a , array_ref<int> b , int & c ) ;",
        ),
        ("class X {}; X *p = NULL;", "Ptr<X> p = mql_null ;"),
        ("class X {}; const X *p;", "Ptr<const X> p ;"),
        ("class X {}; void f(X *&p) { delete p; p = new X; }", "mql_delete( p ) ; p = mql_new<X>() ;"),
        ("int b = 2 * a;", "int b = 2 * a ;"),
        ("int v = a[0].b.c;", "int v = a [ 0 ] -> b -> c ;"),
        ("double d = 1.5;", "double d = 1.5 ;"),
        ('string s = "a" "b\\n";', 'string s = mql_text(u"ab\\012") ;'),
        ("ushort u = 'A';", "ushort u = ushort(65) ;"),
        ("datetime t = D'2020.01.02 03:04:05';", "datetime t = datetime(1577934245) ;"),
        ("input int Port = 5; // the port", 'const int Port = mql_input<int>("Port", 5 ) ;'),
        ('input group "Bridge"\ninput bool On = true;', 'const bool On = mql_input<bool>("On", true ) ;'),
        ("long x = 1; ulong y = 2;", "mql_long x = 1 ; ulong y = 2 ;"),
        ("int register = 1;", "int register_mql = 1 ;"),
        ('#define NAME "x"\n', '#define NAME mql_text(u"x")'),
        ("#define AT(i) (list[i].x)\n", "#define AT(i) ( list [ i ] -> x )"),
    ],
)
def test_a_piece_of_mql5_becomes_cpp(tmp_path: Path, mql5: str, cpp: str) -> None:
    assert cpp in translated(tmp_path, mql5)


def test_functions_may_be_used_before_they_are_defined(tmp_path: Path) -> None:
    code = translated(tmp_path, "int f() { return(g(1)); }\nint g(int n, int m = 2) { return(n + m); }")
    assert code.index("int g ( int n , int m );") < code.index("int f ( ) {")


def test_a_file_is_included_once(tmp_path: Path) -> None:
    (tmp_path / "part.mqh").write_text("int only_once = 1;\n")
    code = translated(tmp_path, '#include <part.mqh>\n#include "part.mqh"\nint other = 2;')
    assert code.count("only_once") == 1


def test_errors_of_the_compiler_name_the_mql5_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "sample.mq5"
    path.write_text("int a;\n\n\nint b;\n")
    lines = translate(path, []).splitlines()
    assert lines[next(i for i, line in enumerate(lines) if line == f'#line 1 "{path}"') + 1].strip() == "int a ;"


@pytest.mark.parametrize(
    ("mql5", "problem"),
    [
        ("#include <missing.mqh>", "sample.mq5:1: expected missing.mqh"),
        ("int a;\n@", "sample.mq5:2: expected MQL5"),
        ("#pragma once", "sample.mq5:1: expected a directive of MQL5"),
        ('string s = "\\q";', "expected an escape of MQL5"),
        ("struct S { int a; }; S *p;", "expected a class, found a pointer to struct S"),
        ('#import "x.dll"\nint f(string s);\n#import', "expected a type that a library can be given, found string"),
    ],
)
def test_what_is_not_mql5_is_refused_with_its_place(tmp_path: Path, mql5: str, problem: str) -> None:
    with pytest.raises(TranslationError, match=problem.replace(".", r"\.")):
        translated(tmp_path, mql5)
