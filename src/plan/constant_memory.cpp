#include "plan/constant_memory.h"

#include <algorithm>

#include "base/aligned.h"
#include "base/check.h"

namespace cycloid {
namespace {

// Pieces double from the least that is worth a system call to two huge pages, so that at most half of the memory is
// spare.
constexpr std::size_t kSmallestPiece = std::size_t{16} << 10, kLargestPiece = std::size_t{4} << 20;

}  // namespace

std::byte* ConstantMemory::allocate(std::size_t bytes) {
  const std::size_t rounded = align_up(std::max<std::size_t>(bytes, 1));
  if (pieces_.empty() || pieces_.back().size() - used_ < rounded) {
    PagedMemory piece;
    const Status status = piece.reserve(std::max(rounded, std::clamp(bytes_, kSmallestPiece, kLargestPiece)));
    CYCLOID_CHECK(status.ok());
    pieces_.push_back(std::move(piece));
    used_ = 0;
  }
  std::byte* at = pieces_.back().data() + used_;
  used_ += rounded;
  bytes_ += rounded;
  return at;
}

}  // namespace cycloid
