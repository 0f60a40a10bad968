// Files that appear whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "cycloid/result.h"

namespace cycloid {

// Writes `bytes` beside `path` and renames the file into its place, so that a reader sees the old file or the new one,
// and a failure (full disk, no permission, no such folder) leaves what was there.
Status write_file_atomically(const std::string& path, std::string_view bytes);

// The whole file. `limit` bounds the bytes read: a larger file is an error.
Result<std::string> read_file(const std::string& path, std::size_t limit = std::size_t{1} << 40);

}  // namespace cycloid
