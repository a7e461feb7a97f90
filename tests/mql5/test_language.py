"""MQL5's language as the host runs it: small scripts print what MT5 would print, and what ends a program ends it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mql5.conftest import INCLUDES
from tests.mql5_host.build import BuildError, build
from tests.mql5_host.run import HostOptions

RunScript = Callable[..., str]

TYPES = """
struct Pair { int a; string b; };
enum SIDE { SIDE_BUY = 1, SIDE_SELL = 5 };
input int    Port = 5555;
input SIDE   Side = SIDE_BUY;
input string Name = "none";
input bool   On = false;
void Fill(int &list[], const int value) { ArrayResize(list, 3); for(int i = 0; i < 3; i++) list[i] = value + i; }
int Sum(const int &list[]) { int sum = 0; for(int i = 0; i < ArraySize(list); i++) sum += list[i]; return(sum); }
void OnStart()
  {
   int list[], fixed[3] = {7, 8, 9};
   Fill(list, 4);
   Print(Sum(list), " ", Sum(fixed));
   Pair pairs[2];
   pairs[1].a = 3;
   pairs[1].b = "x";
   Pair copy = pairs[1];
   copy.b += "y";
   Print(pairs[1].b, " ", copy.a, copy.b);
   Print(sizeof(long), sizeof(ulong), sizeof(int), sizeof(short), sizeof(char), sizeof(datetime));
   ulong big = 18446744073709551615;
   Print((string)big, " ", (long)big, " ", (uchar)300, " ", (int)3.9, " ", (int)-3.9);
   Print(EnumToString(Side), " ", Port, " ", Name, " ", On, " ", EnumToString(ORDER_TYPE_BUY_LIMIT));
   Print((string)0.1, " ", (string)1.0, " ", (string)true, " ", (string)D'2020.01.02 03:04:05', " ", 'A');
   string nothing = NULL;
   Print(nothing == NULL, " ", nothing == "", " ", "" == NULL, " ", StringLen(nothing));
   PrintFormat("%d %I64d %llu %05.2f %s %x", -1, (long)-5, big, 3.14159, "text", 255);
  }
"""

CLASSES = """
class Animal
  {
protected:
   string m_name;
public:
   Animal(const string name) : m_name(name) {}
   ~Animal() { Print("gone ", m_name); }
   virtual string Sound() const { return("?"); }
   string Says() const { return(m_name + " " + Sound()); }
  };
class Dog : public Animal
  {
public:
   Dog() : Animal("dog") {}
   virtual string Sound() const override { return("wow"); }
   int Legs() const { return(4); }
  };
void Hear(const Animal &animal) { Print(animal.Says()); }
Animal *g_animal = NULL;
void OnStart()
  {
   Dog dog;
   Hear(dog);
   Animal *list[];
   ArrayResize(list, 2);
   list[0] = new Dog;
   list[1] = GetPointer(dog);
   Hear(list[0]);
   Dog *back = dynamic_cast<Dog *>(list[0]);
   Print(back.Legs(), " ", CheckPointer(list[0]), CheckPointer(list[1]), CheckPointer(g_animal));
   delete list[0];
   Print(CheckPointer(list[0]), CheckPointer(back), g_animal == NULL);
   g_animal = new Animal("leaked");
  }
"""


def test_types_arrays_structs_inputs_and_casts(run_mql5: RunScript) -> None:
    inputs = {"Port": 7, "Side": "SIDE_SELL", "Name": "ünï €", "On": True}
    lines = run_mql5(TYPES, inputs=inputs).splitlines()
    assert lines[:-1] == [
        "15 24",
        "x 3xy",
        "884218",
        "18446744073709551615 -1 44 3 -3",
        "SIDE_SELL 7 ünï € true ORDER_TYPE_BUY_LIMIT",
        "0.1 1.0 true 2020.01.02 03:04:05 65",
        "true false false 0",
        "-1 -5 18446744073709551615 03.14 text ff",
    ]


def test_classes_pointers_and_what_is_left_undeleted(run_mql5: RunScript) -> None:
    lines = run_mql5(CLASSES).splitlines()
    assert lines[:-2] == ["dog wow", "dog wow", "4 120", "gone dog", "00true", "gone dog"]
    assert lines[-2:] == ["program ended", "1 undeleted objects left"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("int a[2]; int i = 2; a[i] = 1;", "array out of range"),
        ("int a[]; Print(a[0]);", "array out of range"),
        ("Thing *t = NULL; t.value = 1;", "invalid pointer access"),
        ("Thing *t = new Thing; delete t; t.value = 1;", "invalid pointer access"),
        ('int zero = StringLen(""); Print(5 / zero);', "zero divide"),
        ('double zero = StringLen(""); Print(5.0 / zero);', "zero divide"),
    ],
)
def test_what_ends_a_program_at_mt5_ends_it_here(run_mql5: RunScript, body: str, error: str) -> None:
    with pytest.raises(AssertionError, match=f"critical error: {error}"):
        run_mql5("class Thing { public: int value; };\nvoid OnStart() { " + body + " }")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ('ObjectCreate(0, "x", 1, 0, 0, 0);', "ObjectCreate"),
        ("string s = 5;", "string"),
        ('string s = "a" + 5;', "operator+"),
        ("int a[]; a.Size();", "Size"),
        ("int a[2]; ArrayResize(a, 3);", "resize"),
    ],
)
def test_what_the_host_lacks_is_a_build_error_with_its_place(
    needs_host: None, tmp_path: Path, body: str, error: str
) -> None:
    program = tmp_path / "sample.mq5"
    program.write_text("void OnStart()\n  {\n   " + body + "\n  }\n")
    with pytest.raises(BuildError, match=error) as refused:
        build(program, INCLUDES)
    assert "sample.mq5:3:" in str(refused.value)


def test_a_dll_needs_the_operators_leave(run_mql5: RunScript) -> None:
    text = '#import "libzmq.dll"\nlong zmq_ctx_new();\nint zmq_ctx_term(long context);\n#import\n'
    text += 'void OnStart() { long c = zmq_ctx_new(); Print(c != 0, " ", zmq_ctx_term(c)); }'
    assert "true 0" in run_mql5(text)
    with pytest.raises(AssertionError, match="DLL loading is not allowed"):
        run_mql5(text, dlls_allowed=False)


def test_options_say_what_the_terminal_is_like(tmp_path: Path) -> None:
    words = HostOptions(files=tmp_path, allowed=("a", "b"), inputs={"X": 1.5}).words()
    assert words.count("--allow") == 2
    assert words[words.index("--input") + 1] == "X=1.5"
