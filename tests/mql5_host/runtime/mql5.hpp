// Everything that a translated program sees.
#pragma once
#include "array.hpp"
#include "constants.hpp"
#include "dll.hpp"
#include "events.hpp"
#include "files.hpp"
#include "format.hpp"
#include "host.hpp"
#include "maths.hpp"
#include "pointer.hpp"
#include "sockets.hpp"
#include "strings.hpp"
#include "trade.hpp"

#define _Symbol Symbol()
#define _LastError GetLastError()
#define _StopFlag IsStopped()
#define __MQL5BUILD__ 5100
#define _Digits ((int)SymbolInfoInteger(Symbol(), SYMBOL_DIGITS))
#define _Point SymbolInfoDouble(Symbol(), SYMBOL_POINT)

// names that the C library has as macros and a program may use for itself
#undef SEEK_SET
#undef SEEK_CUR
#undef SEEK_END
#undef EAGAIN
#undef ETIMEDOUT
#undef EINTR
#undef EINVAL
#undef ENOTSUP
#undef ETERM
#undef EFSM
#undef errno
#undef stdin
#undef stdout
#undef stderr
#undef major
#undef minor
