// Files that appear whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "cycloid/result.h"

namespace cycloid {

// Writes `bytes` beside `path` and renames the file into its place, so that a reader sees the old file or the new one,
// and a failure (full disk, no permission, no such folder) leaves what was there.
Status write_file_atomically(const std::string& path, std::string_view bytes);

// The same for a file that is written piece by piece. Without commit() nothing appears.
class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) noexcept;
  ~AtomicFile();

  Status write(std::string_view bytes);
  Status commit();

 private:
  AtomicFile(std::string path, std::string temporary, int fd);

  std::string path_;
  std::string temporary_;  // "" once it is renamed
  int fd_ = -1;
};

// The whole file. `limit` bounds the bytes read: a larger file is an error.
Result<std::string> read_file(const std::string& path, std::size_t limit = std::size_t{1} << 40);

}  // namespace cycloid
