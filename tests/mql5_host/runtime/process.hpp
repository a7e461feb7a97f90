// The process that the host is, on Linux or Windows: its words, its end, the libraries it loads.
// Like tcp.hpp it shares no header with the host.
#pragma once
#include <string>
#include <vector>

namespace process {

std::vector<std::string> arguments();  // UTF-8; also before main
long long cpu_us();                    // used by the calling thread
[[noreturn]] void leave(int code);     // at once: no destructors

// Call one of them whenever the terminal is closed or the chart changes: signals TERM and USR1 on Linux, the lines
// `stop` and `chart` on standard input on Windows, which has no such signals.
void on_requests(void (*stop)(), void (*chart)());
void trap_divisions(bool on);          // of the calling thread: a division by zero ends the process (Linux: of doubles too)

void *load(const std::string &path);   // nullptr: `problem` says why
void *function(void *library, const char *name);
std::string problem();

}  // namespace process
