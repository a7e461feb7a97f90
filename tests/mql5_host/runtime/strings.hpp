// MQL5's text functions. Positions and lengths count UTF-16 units, byte arrays are what the code page makes of them.
#pragma once
#include "array.hpp"
#include "constants.hpp"
#include "text.hpp"

namespace mql {

inline int StringLen(const string &s) { return (int)s.units().size(); }
inline ushort StringGetCharacter(const string &s, int at) { return s[at]; }
bool StringSetCharacter(string &s, uint at, ushort unit);
int StringFind(const string &s, const string &what, int from = 0);
string StringSubstr(const string &s, int from, int count = -1);
int StringReplace(string &s, const string &what, const string &by);
int StringSplit(const string &s, ushort separator, array_ref<string> parts);
int StringCompare(const string &a, const string &b, bool case_sensitive = true);
bool StringToLower(string &s);
bool StringToUpper(string &s);
int StringTrimLeft(string &s);
int StringTrimRight(string &s);
bool StringAdd(string &s, const string &more);
bool StringFill(string &s, ushort unit);
bool StringInit(string &s, int size, ushort unit = 0);
mql_long StringToInteger(const string &s);
double StringToDouble(const string &s);
datetime StringToTime(const string &s);
string IntegerToString(mql_long value, int length = 0, ushort fill = ' ');
string DoubleToString(double value, int digits = 8);
string TimeToString(datetime value, int mode = TIME_DATE | TIME_MINUTES);
string CharToString(uchar c);
string ShortToString(ushort unit);
int StringToCharArray(const string &s, array_ref<uchar> bytes, int start = 0, int count = WHOLE_ARRAY, uint codepage = CP_ACP);
string CharArrayToString(const_array_ref<uchar> bytes, int start = 0, int count = WHOLE_ARRAY, uint codepage = CP_ACP);
int StringToShortArray(const string &s, array_ref<ushort> units, int start = 0, int count = WHOLE_ARRAY);
string ShortArrayToString(const_array_ref<ushort> units, int start = 0, int count = WHOLE_ARRAY);

}  // namespace mql
