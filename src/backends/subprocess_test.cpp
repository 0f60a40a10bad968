#include "backends/subprocess.h"

#include <gtest/gtest.h>

namespace cycloid {
namespace {

using std::chrono::seconds;

TEST(RunProgram, GivesBothStreamsAndTheExitCode) {
  const auto output = run_program({"sh", "-c", "printf out; printf error >&2; exit 3"}, seconds(30));
  ASSERT_TRUE(output.ok()) << output.error().message();
  EXPECT_EQ(output->out, "out");
  EXPECT_EQ(output->error, "error");
  EXPECT_EQ(output->exit_code, 3);
}

TEST(RunProgram, GivesMoreThanAPipeHolds) {
  const auto output = run_program({"sh", "-c", "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"}, seconds(30));
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->out.size(), 300000u);
  EXPECT_GE(output->error.size(), 16384u);
  EXPECT_LT(output->error.size(), 300000u);
}

TEST(RunProgram, HasEmptyInput) {
  const auto output = run_program({"cat"}, seconds(30));
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->out, "");
  EXPECT_EQ(output->exit_code, 0);
}

TEST(RunProgram, TellsASignal) {
  const auto output = run_program({"sh", "-c", "kill -9 $$"}, seconds(30));
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->exit_code, 128 + 9);
}

TEST(RunProgram, EndsWhatTakesTooLong) {
  const auto output = run_program({"sh", "-c", "sleep 600 & sleep 600"}, seconds(1));
  ASSERT_FALSE(output.ok());
  EXPECT_EQ(output.error().code(), ErrorCode::kResourceExhausted);
}

TEST(RunProgram, NamesAProgramThatIsNotThere) {
  const auto output = run_program({"cycloid-no-such-program"}, seconds(1));
  ASSERT_FALSE(output.ok());
  EXPECT_EQ(output.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(output.error().message().find("cycloid-no-such-program"), std::string::npos);
}

}  // namespace
}  // namespace cycloid
