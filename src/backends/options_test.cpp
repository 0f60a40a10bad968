#include "backends/options.h"

#include <gtest/gtest.h>

namespace cycloid {
namespace {

std::vector<OptionInfo> known() {
  return {{"mode", "fast", "", {"fast", "slow"}}, {"name", "", "", {}}, {"session.*", "", "", {}}};
}

TEST(Options, AreTheDefaultsWhereNothingIsGiven) {
  const auto options = Options::resolve("b", known(), {});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->all(), (std::map<std::string, std::string>{{"mode", "fast"}, {"name", ""}}));
}

TEST(Options, AdmitEveryNameWithADeclaredBeginning) {
  const auto options = Options::resolve("b", known(), {{"session.x.y", "1"}, {"mode", "slow"}});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->text("mode"), "slow");
  EXPECT_EQ(options->with_prefix("session."), (std::map<std::string, std::string>{{"x.y", "1"}}));
}

TEST(Options, RefuseWhatIsNotKnown) {
  for (const std::string name : {"speed", "session.", "MODE", "nam"}) {
    const auto options = Options::resolve("b", known(), {{name, "x"}});
    ASSERT_FALSE(options.ok()) << name;
    EXPECT_EQ(options.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(options.error().message().find("'" + name + "'"), std::string::npos);
    EXPECT_NE(options.error().message().find("mode, name, session.*"), std::string::npos);
  }
  const auto options = Options::resolve("b", known(), {{"mode", "medium"}});
  ASSERT_FALSE(options.ok());
  EXPECT_EQ(options.error().message(), "backend 'b': option mode=medium is not one of fast, slow");
}

}  // namespace
}  // namespace cycloid
