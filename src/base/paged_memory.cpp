#include "base/paged_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "base/error.h"

namespace cycloid {
namespace {

// From this size on memory is whole huge pages, even if it fills only part of one: where data of about L2's size lie in small
// pages, it is chance which of them share a set of the cache (its index is of the physical address), another in each process.
constexpr std::size_t kHugePage = std::size_t{2} << 20, kHugeFrom = std::size_t{256} << 10;

}  // namespace

Status PagedMemory::reserve(std::size_t bytes) {
  if (bytes <= bytes_) return {};
  release();
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t unit = bytes >= kHugeFrom ? kHugePage : page;
  // Room to begin at a multiple of the unit.
  const std::size_t rounded = (bytes + unit - 1) / unit * unit;
  const std::size_t mapped = rounded + (unit > page ? unit : 0);
  void* at =
      rounded < bytes ? MAP_FAILED : mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED)
    return make_error(ErrorCode::kResourceExhausted, "cannot get {} bytes of memory for a run", bytes);
  auto* begin = static_cast<std::byte*>(at);
  const std::size_t ahead = (unit - reinterpret_cast<std::uintptr_t>(begin) % unit) % unit;
  if (ahead > 0) munmap(begin, ahead);
  if (mapped - ahead > rounded) munmap(begin + ahead + rounded, mapped - ahead - rounded);
  data_ = begin + ahead;
  bytes_ = rounded;
  madvise(data_, bytes_, MADV_HUGEPAGE);  // a wish; refusal costs speed only
  for (std::size_t i = 0; i < bytes_; i += page) *reinterpret_cast<volatile char*>(data_ + i) = 0;
  return {};
}

void PagedMemory::release() {
  if (data_ != nullptr) munmap(data_, bytes_);
  data_ = nullptr;
  bytes_ = 0;
}

}  // namespace cycloid
