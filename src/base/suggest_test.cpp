#include "base/suggest.h"

#include <gtest/gtest.h>

namespace cycloid {
namespace {

TEST(EditDistance, CountsEachKindOfSlipOnce) {
  EXPECT_EQ(edit_distance("bench", "bench"), 0);
  EXPECT_EQ(edit_distance("bench", "benhc"), 1);     // swap
  EXPECT_EQ(edit_distance("bench", "bnch"), 1);      // left out
  EXPECT_EQ(edit_distance("bench", "benchh"), 1);    // put in
  EXPECT_EQ(edit_distance("bench", "bunch"), 1);     // replaced
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);  // the textbook case
  EXPECT_EQ(edit_distance("", "run"), 3);
}

TEST(Nearest, FindsTheSlipAndLeavesTheUnrelated) {
  const std::vector<std::string> commands = {"bench", "backends", "inspect", "run"};
  EXPECT_EQ(nearest("benhc", commands), "bench");
  EXPECT_EQ(nearest("backend", commands), "backends");
  EXPECT_EQ(nearest("rnu", commands), "run");
  EXPECT_EQ(nearest("frobnicate", commands), "");
  EXPECT_EQ(nearest("fold", {"drop-cast", "fold-constants", "fold-scale-into-weights"}), "fold-constants");
  EXPECT_EQ(nearest("old", {"fold-constants"}), "");
  EXPECT_EQ(nearest("", commands), "");
  EXPECT_EQ(nearest("x", {}), "");
}

TEST(DidYouMean, EndsAMessageOnlyWhereAWordIsNear) {
  EXPECT_EQ(did_you_mean("imgae", {"mask", "image"}), " (did you mean 'image'?)");
  EXPECT_EQ(did_you_mean("weights", {"mask", "image"}), "");
}

}  // namespace
}  // namespace cycloid
