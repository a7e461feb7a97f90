// Files under the terminal's MQL5/Files folder and nowhere else. Binary and text; names with / or \ between folders.
#pragma once
#include "array.hpp"
#include "constants.hpp"
#include "text.hpp"

namespace mql {

int FileOpen(const string &name, int flags, short delimiter = '\t', uint codepage = CP_ACP);
void FileClose(int handle);
void FileFlush(int handle);
ulong FileSize(int handle);
ulong FileTell(int handle);
bool FileSeek(int handle, mql_long offset, ENUM_FILE_POSITION origin);
bool FileIsEnding(int handle);
bool FileIsExist(const string &name, int common = 0);
bool FileDelete(const string &name, int common = 0);
bool FileMove(const string &from, int common, const string &to, int flags);
bool FileCopy(const string &from, int common, const string &to, int flags);
bool FolderCreate(const string &name, int common = 0);
mql_long FileGetInteger(int handle, ENUM_FILE_PROPERTY_INTEGER property);
uint FileWriteString(int handle, const string &text, int length = -1);
string FileReadString(int handle, int length = -1);

uint mql_file_write(int handle, const void *data, size_t size);
uint mql_file_read(int handle, void *data, size_t size);

template <Array A> uint FileWriteArray(int handle, const A &array, int start = 0, int count = WHOLE_ARRAY) {
  using T = element_of<A>;
  static_assert(std::is_trivially_copyable_v<T>);
  if (count < 0 || start + count > array.size()) count = array.size() - start;
  return count <= 0 ? 0 : mql_file_write(handle, array.data() + start, sizeof(T) * (size_t)count) / sizeof(T);
}
// A dynamic array grows to what there is; a count of -1 is the rest of the file.
template <Array A> uint FileReadArray(int handle, A &&array, int start = 0, int count = WHOLE_ARRAY) {
  using T = element_of<A>;
  static_assert(std::is_trivially_copyable_v<T>);
  mql_long left = ((mql_long)FileSize(handle) - (mql_long)FileTell(handle)) / (mql_long)sizeof(T);
  if (count < 0 || count > left) count = (int)left;
  if (count <= 0) return 0;
  if (start + count > array.size()) {
    if constexpr (requires { array.resize(0, 0); }) array.resize(start + count, 0);
    if (start + count > array.size()) count = array.size() - start;
  }
  return mql_file_read(handle, array.data() + start, sizeof(T) * (size_t)count) / sizeof(T);
}
template <class T> uint FileWriteStruct(int handle, const T &value) { return mql_file_write(handle, &value, sizeof value); }
template <class T> uint FileReadStruct(int handle, T &value) { return mql_file_read(handle, &value, sizeof value); }
inline uint FileWriteInteger(int handle, int value, int size = 4) { return mql_file_write(handle, &value, (size_t)size); }
inline uint FileWriteLong(int handle, mql_long value) { return mql_file_write(handle, &value, 8); }
inline mql_long FileReadLong(int handle) { mql_long value = 0; mql_file_read(handle, &value, 8); return value; }
inline int FileReadInteger(int handle, int size = 4) { int value = 0; mql_file_read(handle, &value, (size_t)size); return value; }

}  // namespace mql
