// Memory aligned for vector loads.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "base/check.h"

namespace cycloid {

// One cache line and one AVX-512 vector.
inline constexpr size_t kVectorAlignment = 64;

constexpr size_t align_up(size_t bytes, size_t alignment = kVectorAlignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

// `size()` elements of a trivial T, zeroed, at a multiple of kVectorAlignment. Move-only. Running out of memory stops
// the program; bound sizes that a caller chooses before making one.
template <class T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t size) : size_(size) {
    const size_t bytes = align_up(size * sizeof(T));
    if (bytes == 0) return;
    data_.reset(static_cast<T*>(std::aligned_alloc(kVectorAlignment, bytes)));
    CYCLOID_CHECK(data_ != nullptr);
    std::memset(static_cast<void*>(data_.get()), 0, bytes);
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return data_.get()[i]; }
  const T& operator[](size_t i) const { return data_.get()[i]; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  std::unique_ptr<T, Free> data_;
  size_t size_ = 0;
};

}  // namespace cycloid
