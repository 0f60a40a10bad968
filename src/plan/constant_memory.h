// The constants of a plan, most of all packed weights, side by side in few large pieces.
//
// Large models read tens of MiB of them in each run. In pages of 4 KiB that is one page walk every 64 lines (twice as long
// in a virtual machine), and the processor's prefetchers stop at each page's end; so pieces are huge pages as soon as there
// are enough constants to fill one.
#pragma once

#include <cstddef>
#include <vector>

#include "base/paged_memory.h"

namespace cycloid {

class ConstantMemory {
 public:
  // Zeroed, at a multiple of 64, and there until this object goes. Running out of memory stops the program; the sizes of
  // a model's constants are bounded by its file.
  std::byte* allocate(std::size_t bytes);
  // Of all allocations.
  std::size_t bytes() const { return bytes_; }

 private:
  std::vector<PagedMemory> pieces_;
  std::size_t used_ = 0;  // of the last piece
  std::size_t bytes_ = 0;
};

}  // namespace cycloid
