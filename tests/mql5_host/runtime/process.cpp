#include "process.hpp"
#include <csignal>
#include <cstdlib>
#include <unistd.h>
#ifdef _WIN32
#include <cstdio>
#include <fcntl.h>
#include <io.h>
#include <iostream>
#include <thread>
#include <windows.h>
#include <shellapi.h>
#else
#include <cfenv>
#include <ctime>
#include <dlfcn.h>
#include <fstream>
#include <iterator>
#endif

namespace process {

constexpr int CRITICAL_EXIT = 70;
static void (*asked_to_stop)() = nullptr;
static void (*asked_to_change)() = nullptr;

static void on_division(int) {
  static const char text[] = "critical error: zero divide\n";
  if (::write(1, text, sizeof text - 1)) {}
  leave(CRITICAL_EXIT);
}
void leave(int code) { ::_exit(code); }

#ifdef _WIN32
static std::string utf8(const wchar_t *text) {
  int size = ::WideCharToMultiByte(CP_UTF8, 0, text, -1, nullptr, 0, nullptr, nullptr);
  std::string out((size_t)size, '\0');
  ::WideCharToMultiByte(CP_UTF8, 0, text, -1, out.data(), size, nullptr, nullptr);
  out.resize((size_t)size - 1);
  return out;
}
std::vector<std::string> arguments() {
  int count = 0;
  wchar_t **words = ::CommandLineToArgvW(::GetCommandLineW(), &count);
  std::vector<std::string> found;
  for (int i = 0; i < count; ++i) found.push_back(utf8(words[i]));
  ::LocalFree(words);
  return found;
}

long long cpu_us() {
  FILETIME made, ended, kernel, user;
  if (!::GetThreadTimes(::GetCurrentThread(), &made, &ended, &kernel, &user)) return 0;
  auto hundred_ns = [](const FILETIME &t) { return ((long long)t.dwHighDateTime << 32) | t.dwLowDateTime; };
  return (hundred_ns(kernel) + hundred_ns(user)) / 10;
}

static void listen() {
  std::string line;
  while (std::getline(std::cin, line)) {
    if (line.rfind("stop", 0) == 0) asked_to_stop();
    if (line.rfind("chart", 0) == 0) asked_to_change();
  }
}
void on_requests(void (*stop)(), void (*chart)()) {
  asked_to_stop = stop;
  asked_to_change = chart;
  ::_setmode(1, _O_BINARY);
  std::thread(listen).detach();
}
void trap_divisions(bool on) { std::signal(SIGFPE, on ? on_division : SIG_DFL); }

static std::wstring wide(const std::string &text) {
  int size = ::MultiByteToWideChar(CP_UTF8, 0, text.c_str(), -1, nullptr, 0);
  std::wstring out((size_t)size, L'\0');
  ::MultiByteToWideChar(CP_UTF8, 0, text.c_str(), -1, out.data(), size);
  for (wchar_t &c : out) if (c == L'/') c = L'\\';
  return out;
}
// What the library needs is looked for beside it, as the terminal does for MQL5/Libraries.
void *load(const std::string &path) {
  return (void *)::LoadLibraryExW(wide(path).c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH);
}
void *function(void *library, const char *name) { return (void *)::GetProcAddress((HMODULE)library, name); }
std::string problem() { return "error " + std::to_string(::GetLastError()); }
#else
std::vector<std::string> arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string all((std::istreambuf_iterator<char>(file)), {});
  std::vector<std::string> found;
  for (size_t at = 0; at < all.size(); at += found.back().size() + 1) found.push_back(all.c_str() + at);
  return found;
}

long long cpu_us() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return used.tv_sec * 1000000LL + used.tv_nsec / 1000;
}

static void on_stop(int) { asked_to_stop(); }
static void on_chart(int) { asked_to_change(); }
void on_requests(void (*stop)(), void (*chart)()) {
  asked_to_stop = stop;
  asked_to_change = chart;
  std::signal(SIGTERM, on_stop);
  std::signal(SIGINT, on_stop);
  std::signal(SIGUSR1, on_chart);
}
void trap_divisions(bool on) {
  std::signal(SIGFPE, on_division);
  if (on) feenableexcept(FE_DIVBYZERO); else fedisableexcept(FE_DIVBYZERO);
}

void *load(const std::string &path) { return ::dlopen(path.c_str(), RTLD_NOW); }
void *function(void *library, const char *name) { return ::dlsym(library, name); }
std::string problem() { return ::dlerror(); }
#endif

}  // namespace process
