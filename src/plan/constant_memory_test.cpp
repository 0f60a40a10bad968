#include "plan/constant_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace cycloid {
namespace {

TEST(ConstantMemory, PiecesAreZeroedAlignedAndApart) {
  ConstantMemory memory;
  std::vector<std::pair<std::byte*, std::size_t>> parts;
  std::size_t total = 0;
  for (const std::size_t bytes : {1u, 64u, 100'000u, 0u, 17u, 5'000'000u, 3'000'000u, 65u, 40'000u}) {
    std::byte* at = memory.allocate(bytes);
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(at) % 64, 0u);
    ASSERT_TRUE(std::all_of(at, at + bytes, [](std::byte b) { return b == std::byte{0}; })) << bytes;
    std::fill_n(at, bytes, std::byte(parts.size() + 1));
    parts.emplace_back(at, bytes);
    total += bytes;
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto [at, bytes] = parts[i];
    EXPECT_TRUE(std::all_of(at, at + bytes, [&](std::byte b) { return b == std::byte(i + 1); })) << i;
  }
  EXPECT_GE(memory.bytes(), total);
  EXPECT_LE(memory.bytes(), total + 64 * parts.size());
}

}  // namespace
}  // namespace cycloid
