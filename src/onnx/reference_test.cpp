// Against the onnx package: what it writes is read as it means it, and what we write it accepts and runs to the same
// result. The scripts are tests/onnx_*.py.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/atomic_file.h"
#include "base/temporary_folder.h"
#include "onnx/import/import.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "ops/op.h"

namespace cycloid::onnx {
namespace {

constexpr const char* kSource = CYCLOID_SOURCE_DIR;

class Reference : public testing::Test {
 protected:
  void SetUp() override {
    python_ = std::string(kSource) + "/.venv/bin/python";
    if (!std::filesystem::exists(python_)) GTEST_SKIP() << python_ << " is absent";
    if (std::system((python_ + " -c 'import onnx.reference, onnxruntime, ml_dtypes' 2> /dev/null").c_str()) != 0) {
      GTEST_SKIP() << python_ << " lacks onnx, onnxruntime or ml_dtypes";
    }
    auto folder = TemporaryFolder::create();
    ASSERT_TRUE(folder.ok());
    folder_.emplace(*std::move(folder));
  }

  int run(const std::string& script, const std::string& arguments) const {
    return std::system((python_ + " " + kSource + "/tests/" + script + " " + arguments).c_str());
  }
  std::string path(const std::string& name) const { return folder_->path() + "/" + name; }

  std::string python_;
  std::optional<TemporaryFolder> folder_;
};

std::string elements_of(const Tensor& tensor) {
  if (tensor.dtype() != DType::kString) return {reinterpret_cast<const char*>(tensor.bytes()), tensor.byte_count()};
  std::string bytes;
  for (const std::string& text : tensor.data<std::string>()) bytes += text + '\0';
  return bytes;
}

TEST_F(Reference, TensorsOfEveryTypeAndEncoding) {
  ASSERT_EQ(run("onnx_tensors.py", folder_->path()), 0);
  std::ifstream manifest(path("manifest.txt"));
  std::size_t count = 0;
  for (std::string line; std::getline(manifest, line); ++count) {
    std::istringstream words(line);
    std::string name;
    int data_type = 0;
    std::string dims;
    words >> name >> data_type >> dims;
    const auto tensor = read_tensor_file(path(name + ".pb"));
    ASSERT_TRUE(tensor.ok()) << tensor.error().message();
    EXPECT_EQ(static_cast<int>(tensor->dtype()), data_type) << name;
    EXPECT_EQ(fmt::format("{}", fmt::join(tensor->dims(), ",")), dims) << name;
    EXPECT_EQ(elements_of(*tensor), read_file(path(name + ".bin")).value()) << name;
  }
  EXPECT_GT(count, 200U);
}

TEST_F(Reference, OldOperatorsKeepTheirMeaning) {
  ASSERT_EQ(run("onnx_opsets.py", "make " + folder_->path()), 0);
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_->path())) {
    if (entry.path().extension() != ".onnx") continue;
    auto model = import_model(entry.path().string());
    ASSERT_TRUE(model.ok()) << model.error().message();
    const Status inferred = infer_types(*model);
    if (!inferred.ok() && inferred.error().code() != ErrorCode::kUnsupported)
      ADD_FAILURE() << entry.path() << inferred.error().message();
    ASSERT_TRUE(write_model(*model, entry.path().parent_path() / (entry.path().stem().string() + ".new.onnx")).ok());
    ++count;
  }
  EXPECT_GT(count, 40U);
  EXPECT_EQ(run("onnx_opsets.py", "check " + folder_->path()), 0);
}

TEST_F(Reference, TheCheckerAcceptsWhatIsWritten) {
  const std::string light = std::string(kSource) + "/.venv/lib/python3.11/site-packages/onnx/backend/test/data/light";
  std::string files;
  for (const std::string& folder : {light, std::string(kSource) + "/../shared/models"}) {
    if (!std::filesystem::is_directory(folder)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".onnx" || entry.file_size() > 3'000'000) continue;
      const auto model = import_model(entry.path().string());
      ASSERT_TRUE(model.ok()) << model.error().message();
      const std::string to = path(entry.path().filename());
      ASSERT_TRUE(write_model(*model, to, {.external_from_bytes = 100'000}).ok());
      files += " " + to;
    }
  }
  EXPECT_EQ(run("onnx_check.py", files), 0);
}

}  // namespace
}  // namespace cycloid::onnx
