#include "backends/file_names.h"

#include <gtest/gtest.h>

namespace cycloid {
namespace {

TEST(FileNames, KeepsPlainNames) { EXPECT_EQ(file_name_of("conv_1.output-0"), "conv_1.output-0"); }

TEST(FileNames, LeavesTheFolderByNoName) {
  EXPECT_EQ(file_name_of("../../x"), "_.._x");
  EXPECT_EQ(file_name_of("/etc/passwd"), "_etc_passwd");
  EXPECT_EQ(file_name_of(".."), "tensor");
  EXPECT_EQ(file_name_of(""), "tensor");
  EXPECT_EQ(file_name_of(".hidden"), "hidden");
  EXPECT_EQ(file_name_of(std::string("a\0b\n", 4)), "a_b_");
  EXPECT_EQ(file_name_of(std::string(500, 'n')).size(), 100u);
}

TEST(FileNames, GivesEachNameAFileOfItsOwn) {
  std::set<std::string> taken;
  EXPECT_EQ(unique_file_name("a/b", taken), "a_b");
  EXPECT_EQ(unique_file_name("a_b", taken), "a_b_2");
  EXPECT_EQ(unique_file_name("a:b", taken), "a_b_3");
  EXPECT_EQ(unique_file_name("c", taken), "c");
}

}  // namespace
}  // namespace cycloid
