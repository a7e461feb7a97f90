#include "waits.hpp"
#include <algorithm>
#include <cstdio>
#include "process.hpp"

namespace mql {

using std::chrono::steady_clock;

// Of the program's own thread; other threads of the runtime wait as they like.
struct Stretch { bool is_open = false; long long waited_us = 0; long long cpu_us = 0; long long most_waited_us = 0; long long most_cpu_us = 0; };
static thread_local Stretch now;

Wait::Wait(long long asked_ms) : asked_us_(asked_ms * 1000), began_(steady_clock::now()) {}
Wait::~Wait() {
  auto took = std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - began_).count();
  now.waited_us += std::min<long long>(took, asked_us_);
}

void end_stretch() {
  if (!now.is_open) return;
  now.most_waited_us = std::max(now.most_waited_us, now.waited_us);
  now.most_cpu_us = std::max(now.most_cpu_us, process::cpu_us() - now.cpu_us);
  now.is_open = false;
}
void begin_stretch() {
  end_stretch();
  now.waited_us = 0;
  now.cpu_us = process::cpu_us();
  now.is_open = true;
}
void print_stretches() {
  end_stretch();
  std::fprintf(stderr, "longest event: waited %lld us, computed %lld us\n", now.most_waited_us, now.most_cpu_us);
}

}  // namespace mql
