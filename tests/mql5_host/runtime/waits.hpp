// How long the program lets one event be kept, of a script: the way from one IsStopped() to the next.
// Of each wait counts what it took, but no more than what was asked for: a busy machine makes a wait longer than it was
// asked to be, and nothing but the program asks for more. What it computes is counted in time of the CPU.
#pragma once
#include <chrono>

namespace mql {

class Wait {
public:
  explicit Wait(long long asked_ms);
  ~Wait();
  Wait(const Wait &) = delete;
  Wait &operator=(const Wait &) = delete;

private:
  long long asked_us_;
  std::chrono::steady_clock::time_point began_;
};

void begin_stretch();
void end_stretch();
void print_stretches();  // the longest: waited, computed; beside what the program itself prints

}  // namespace mql
