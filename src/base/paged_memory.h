// Memory in whole pages, huge ones where the system gives them.
#pragma once

#include <cstddef>
#include <utility>

#include "cycloid/result.h"

namespace cycloid {

// Zeroed pages that are present before they are used: huge pages asked for, all touched. Only grows.
class PagedMemory {
 public:
  PagedMemory() = default;
  ~PagedMemory() { release(); }
  PagedMemory(PagedMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  PagedMemory& operator=(PagedMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  // Makes at least `bytes` available; the contents are lost when it grows. Error: kResourceExhausted.
  Status reserve(std::size_t bytes);
  std::byte* data() const { return data_; }
  std::size_t size() const { return bytes_; }

 private:
  void release();
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace cycloid
