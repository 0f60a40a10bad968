#include "tensor/endless.h"

#include <gtest/gtest.h>

namespace cycloid {
namespace {

TEST(EndlessNothing, IsManyRowsWithoutElements) {
  const std::int64_t huge = std::int64_t{1} << 40;
  EXPECT_TRUE(is_endless_nothing(Dims{huge, 0}));
  EXPECT_TRUE(is_endless_nothing(Dims{0, huge, huge, huge}));
  EXPECT_FALSE(is_endless_nothing(Dims{huge}));
  EXPECT_FALSE(is_endless_nothing(Dims{0, 0, 100000, 7}));
  EXPECT_FALSE(is_endless_nothing(Dims{}));
}

}  // namespace
}  // namespace cycloid
