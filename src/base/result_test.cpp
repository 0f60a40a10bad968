#include "cycloid/result.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace cycloid {
namespace {

Result<int> half(int x) {
  if (x % 2 != 0) return invalid_argument("{} is odd", x);
  return x / 2;
}

Result<int> quarter(int x) {
  CYCLOID_ASSIGN(int h, half(x));
  CYCLOID_ASSIGN(int q, half(h));
  return q;
}

TEST(Result, CarriesTheValue) {
  auto r = quarter(12);
  ASSERT_TRUE(r.ok());
  EXPECT_EQ(*r, 3);
}

TEST(Result, CarriesTheFirstErrorOut) {
  auto r = quarter(6);
  ASSERT_FALSE(r.ok());
  EXPECT_EQ(r.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(r.error().message(), "3 is odd");
}

TEST(Result, PutsThePlaceBeforeTheMessage) { EXPECT_EQ(quarter(5).in("here").error().message(), "here: 5 is odd"); }

}  // namespace
}  // namespace cycloid
