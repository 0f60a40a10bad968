// A file mapped into memory to be read.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "cycloid/result.h"

namespace cycloid {

// Read-only bytes of a regular file. The bytes stay valid while the object lives, and unchanged as long as nobody
// writes to the file; whoever shortens it meanwhile makes reads of the missing part fail with SIGBUS.
class MappedFile {
 public:
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);
  // Of an open file; `name` is for messages. Does not close `fd`.
  static Result<std::shared_ptr<const MappedFile>> of_descriptor(int fd, const std::string& name);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  MappedFile(const std::byte* data, std::size_t size) : data_(data), size_(size) {}

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace cycloid
