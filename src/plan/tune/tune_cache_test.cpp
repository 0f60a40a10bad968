#include "plan/tune/tune_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/atomic_file.h"
#include "base/temporary_folder.h"

namespace cycloid {
namespace {

using testing::HasSubstr;

class TuneCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::create();
    ASSERT_TRUE(folder.ok()) << folder.error().message();
    folder_.emplace(*std::move(folder));
    path_ = folder_->path() + "/a/b/cache.tsv";
  }
  std::string text() const { return read_file(path_).value(); }

  std::optional<TemporaryFolder> folder_;
  std::string path_;
};

TEST_F(TuneCacheTest, KeepsWhatWasPutAndNothingElse) {
  TuneCache cache(path_, "a processor");
  EXPECT_EQ(cache.find("x"), nullptr);
  EXPECT_TRUE(cache.save().ok());
  EXPECT_FALSE(std::filesystem::exists(path_));  // nothing new, nothing written
  cache.put("x", {"conv.igemm.avx2/3", 1500, 2000});
  ASSERT_TRUE(cache.save().ok());
  const TuneCache again(path_, "a processor");
  ASSERT_NE(again.find("x"), nullptr);
  EXPECT_EQ(again.find("x")->choice, "conv.igemm.avx2/3");
  EXPECT_EQ(again.find("x")->ns, 1500);
  EXPECT_EQ(again.find("x")->default_ns, 2000);
  EXPECT_EQ(again.size(), 1U);
}

TEST_F(TuneCacheTest, IsEmptyForAnotherProcessorOrFormat) {
  TuneCache cache(path_, "a processor");
  cache.put("x", {"k", 1, 1});
  ASSERT_TRUE(cache.save().ok());
  EXPECT_EQ(TuneCache(path_, "another processor").size(), 0U);
  ASSERT_TRUE(write_file_atomically(path_, "cycloid.tune/2\ta processor\nx\tk\t1\t1\n").ok());
  EXPECT_EQ(TuneCache(path_, "a processor").size(), 0U);
}

TEST_F(TuneCacheTest, LeavesOutLinesThatDoNotRead) {
  TuneCache cache(path_, "p");
  cache.put("good", {"k", 5, 6});
  ASSERT_TRUE(cache.save().ok());
  const std::string whole = text();
  const std::string bad[] = {"no tabs at all\n",        "a\tb\t1\n",     "a\tb\t1\t2\t3\n", "a\tb\tx\t2\n",
                             "a\tb\t-1\t2\n",           "\tb\t1\t2\n",   "a\t\t1\t2\n",     "\n",
                             std::string("a\0\t\n", 4), "a\tb\t1\t2 \n", "a\tb\tnan\t2\n"};
  for (const std::string& line : bad) {
    ASSERT_TRUE(write_file_atomically(path_, whole + line + "other\tk\t1\t2\n").ok());
    const TuneCache read(path_, "p");
    EXPECT_EQ(read.size(), 2U) << line;
    EXPECT_NE(read.find("other"), nullptr) << line;
  }
}

TEST_F(TuneCacheTest, SurvivesEveryTruncation) {
  TuneCache cache(path_, "p");
  cache.put("one", {"kernel/1", 123, 456});
  cache.put("two", {"kernel/12", 789, 1000});
  ASSERT_TRUE(cache.save().ok());
  const std::string whole = text();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    ASSERT_TRUE(write_file_atomically(path_, whole.substr(0, length)).ok());
    TuneCache cut(path_, "p");
    EXPECT_LT(cut.size(), 2U);
    if (const TunedChoice* one = cut.find("one")) {
      EXPECT_EQ(one->choice, "kernel/1");
      EXPECT_EQ(one->default_ns, 456);
    }
    EXPECT_EQ(cut.find("two"), nullptr);
    cut.put("two", {"kernel/12", 789, 1000});  // and mends it
    ASSERT_TRUE(cut.save().ok());
    EXPECT_NE(TuneCache(path_, "p").find("two"), nullptr);
  }
}

TEST_F(TuneCacheTest, SaysWhereItCannotBeWritten) {
  ASSERT_TRUE(write_file_atomically(folder_->path() + "/file", "").ok());
  TuneCache cache(folder_->path() + "/file/cache.tsv", "p");
  cache.put("x", {"k", 1, 1});
  const Status saved = cache.save();
  ASSERT_FALSE(saved.ok());
  EXPECT_THAT(saved.error().message(), HasSubstr("/file"));
}

// Processes that measure other shapes at the same time lose none of each other's.
TEST_F(TuneCacheTest, IsSharedByProcesses) {
  constexpr int kProcesses = 4, kSaves = 25;
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      TuneCache cache(path_, "p");
      bool ok = true;
      for (int i = 0; i < kSaves; ++i) {
        cache.put(std::to_string(p) + " " + std::to_string(i), {"k", 1, 1});
        ok = ok && cache.save().ok();
      }
      ::_exit(ok ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(TuneCache(path_, "p").size(), static_cast<std::size_t>(kProcesses * kSaves));
}

}  // namespace
}  // namespace cycloid
