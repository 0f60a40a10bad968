#include "cli/units.h"

#include <gtest/gtest.h>

namespace cycloid {
namespace {

TEST(Units, ShowsThreeDigits) {
  EXPECT_EQ(with_unit(0), "0");
  EXPECT_EQ(with_unit(7), "7");
  EXPECT_EQ(with_unit(999), "999");
  EXPECT_EQ(with_unit(1000), "1.00 k");
  EXPECT_EQ(with_unit(1248424), "1.25 M");
  EXPECT_EQ(with_unit(12484240), "12.5 M");
  EXPECT_EQ(with_unit(540e6, "FLOP"), "540 MFLOP");
  EXPECT_EQ(with_unit(64, "B"), "64 B");
  EXPECT_EQ(with_unit(15.34), "15.3");
  EXPECT_EQ(with_unit(0.25), "0.25");
}

TEST(Units, RoundsIntoTheNextPrefixAndNeverShowsAThousand) {
  EXPECT_EQ(with_unit(999499), "999 k");
  EXPECT_EQ(with_unit(999500), "1.00 M");
  EXPECT_EQ(with_unit(99960), "100 k");
  EXPECT_EQ(with_unit(9.999e9), "10.0 G");
}

}  // namespace
}  // namespace cycloid
