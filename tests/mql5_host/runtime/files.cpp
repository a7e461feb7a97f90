#include "files.hpp"
#include <cstdio>
#include <filesystem>
#include <map>
#include "host.hpp"

namespace fs = std::filesystem;

namespace mql {

constexpr int FILES_MAX = 64;

struct OpenFile { FILE *file; int flags; std::string path; };
static std::map<int, OpenFile> open_files;

// The path below the Files folder; "" when it would lead out of it.
static std::string path_of(const string &name) {
  std::string text = to_utf8(name);
  for (char &c : text) if (c == '\\') c = '/';
  fs::path path = fs::path(text).lexically_normal();
  if (text.empty() || path.is_absolute() || path.string().rfind("..", 0) == 0) return "";
  return (fs::path(host().files_dir) / path).string();
}
static OpenFile *file_of(int handle) {
  auto found = open_files.find(handle);
  if (found == open_files.end()) { set_error(ERR_WRONG_FILEHANDLE); return nullptr; }
  return &found->second;
}
static int failed(int code) { set_error(code); return INVALID_HANDLE; }

static bool is_shared(const std::string &path, int flags) {
  for (auto &[handle, open] : open_files) {
    if (open.path != path) continue;
    bool both_read = (flags & FILE_SHARE_READ) && (open.flags & FILE_SHARE_READ);
    bool both_write = (flags & FILE_SHARE_WRITE) && (open.flags & FILE_SHARE_WRITE);
    bool writes = (flags & FILE_WRITE) || (open.flags & FILE_WRITE);
    if (!(writes ? both_write : both_read || true)) return false;
  }
  return true;
}

// FILE_WRITE alone empties the file; with FILE_READ it keeps it and begins at its start; missing folders are made.
int FileOpen(const string &name, int flags, short, uint) {
  std::string path = path_of(name);
  if (path.empty()) return failed(ERR_WRONG_FILENAME);
  if ((int)open_files.size() >= FILES_MAX) return failed(ERR_TOO_MANY_FILES);
  if (!is_shared(path, flags)) return failed(ERR_CANNOT_OPEN_FILE);
  bool reads = flags & FILE_READ, writes = flags & FILE_WRITE;
  std::error_code error;
  if (writes) fs::create_directories(fs::path(path).parent_path(), error);
  bool exists = fs::is_regular_file(path, error);
  if (!writes && !exists) return failed(ERR_CANNOT_OPEN_FILE);
  FILE *file = std::fopen(path.c_str(), !writes ? "rb" : reads && exists ? "r+b" : "w+b");
  if (!file) return failed(ERR_CANNOT_OPEN_FILE);
  int handle = 1;
  while (open_files.count(handle)) ++handle;
  open_files[handle] = {file, flags, path};
  return handle;
}
void FileClose(int handle) {
  if (OpenFile *open = file_of(handle)) { std::fclose(open->file); open_files.erase(handle); }
}
void FileFlush(int handle) { if (OpenFile *open = file_of(handle)) std::fflush(open->file); }
ulong FileTell(int handle) { OpenFile *open = file_of(handle); return open ? (ulong)std::ftell(open->file) : 0; }
ulong FileSize(int handle) {
  OpenFile *open = file_of(handle);
  if (!open) return 0;
  long at = std::ftell(open->file);
  std::fseek(open->file, 0, 2);
  long size = std::ftell(open->file);
  std::fseek(open->file, at, 0);
  return (ulong)size;
}
bool FileSeek(int handle, mql_long offset, ENUM_FILE_POSITION origin) {
  OpenFile *open = file_of(handle);
  return open && std::fseek(open->file, (long)offset, (int)origin) == 0;
}
bool FileIsEnding(int handle) { return FileTell(handle) >= FileSize(handle); }
bool FileIsExist(const string &name, int) {
  std::error_code error;
  bool is = fs::is_regular_file(path_of(name), error);
  if (!is) set_error(ERR_FILE_NOT_EXIST);
  return is;
}
bool FileDelete(const string &name, int) {
  std::error_code error;
  bool is_open = !is_shared(path_of(name), FILE_WRITE);
  bool is_gone = !is_open && fs::remove(path_of(name), error);
  if (!is_gone) set_error(is_open ? ERR_CANNOT_DELETE_FILE : ERR_FILE_NOT_EXIST);
  return is_gone;
}
// An existing target needs FILE_REWRITE; a file that is open anywhere cannot be moved or replaced, as on Windows.
bool FileMove(const string &from, int, const string &to, int flags) {
  std::string a = path_of(from), b = path_of(to);
  std::error_code error;
  if (fs::exists(b, error) && !(flags & FILE_REWRITE)) { set_error(ERR_FILE_CANNOT_REWRITE); return false; }
  if (!is_shared(a, FILE_WRITE) || !is_shared(b, FILE_WRITE)) { set_error(ERR_CANNOT_OPEN_FILE); return false; }
  fs::rename(a, b, error);
  if (error) set_error(ERR_FILE_NOT_EXIST);
  return !error;
}
bool FileCopy(const string &from, int, const string &to, int flags) {
  std::error_code error;
  if (fs::exists(path_of(to), error) && !(flags & FILE_REWRITE)) { set_error(ERR_FILE_CANNOT_REWRITE); return false; }
  return fs::copy_file(path_of(from), path_of(to), fs::copy_options::overwrite_existing, error);
}
bool FolderCreate(const string &name, int) {
  std::error_code error;
  fs::create_directories(path_of(name), error);
  return !error;
}
mql_long FileGetInteger(int handle, ENUM_FILE_PROPERTY_INTEGER property) {
  switch (property) {
    case FILE_SIZE: return (mql_long)FileSize(handle);
    case FILE_POSITION: return (mql_long)FileTell(handle);
    case FILE_END: return FileIsEnding(handle);
    case FILE_EXISTS: return file_of(handle) != nullptr;
    default: critical_error("FileGetInteger: the host does not know this property");
  }
}
uint mql_file_write(int handle, const void *data, size_t size) {
  OpenFile *open = file_of(handle);
  if (!open) return 0;
  if (!(open->flags & FILE_WRITE)) { set_error(ERR_FILE_NOTTOWRITE); return 0; }
  std::fseek(open->file, 0, 1);
  size_t done = std::fwrite(data, 1, size, open->file);
  if (done != size) set_error(ERR_FILE_WRITEERROR);
  return (uint)done;
}
uint mql_file_read(int handle, void *data, size_t size) {
  OpenFile *open = file_of(handle);
  if (!open) return 0;
  if (!(open->flags & FILE_READ)) { set_error(ERR_FILE_NOTTOREAD); return 0; }
  std::fseek(open->file, 0, 1);
  return (uint)std::fread(data, 1, size, open->file);
}
// Text files are ANSI here unless FILE_UNICODE is asked for; a binary file gets the bytes without a length.
uint FileWriteString(int handle, const string &text, int length) {
  OpenFile *open = file_of(handle);
  if (!open) return 0;
  std::u16string units = text.units();
  if (length >= 0) units.resize((size_t)length, u'\0');
  if (!(open->flags & FILE_ANSI)) return mql_file_write(handle, units.data(), units.size() * 2);
  std::string bytes;
  for (char16_t unit : units) bytes += unit < 256 ? (char)unit : '?';
  return mql_file_write(handle, bytes.data(), bytes.size());
}
string FileReadString(int handle, int length) {
  OpenFile *open = file_of(handle);
  std::u16string units;
  if (!open) return string(units);
  bool is_text = open->flags & (FILE_TXT | FILE_CSV);
  size_t width = open->flags & FILE_ANSI ? 1 : 2;
  for (int i = 0; is_text || i < length; ++i) {
    char16_t unit = 0;
    if (mql_file_read(handle, &unit, width) != width || (is_text && unit == u'\n')) break;
    if (unit != u'\r' || !is_text) units += unit;
  }
  return string(units);
}

}  // namespace mql
