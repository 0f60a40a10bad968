#include "onnx/reader.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace cycloid::onnx {
namespace {

std::string light_folder() {
  return std::string(CYCLOID_SOURCE_DIR) + "/.venv/lib/python3.11/site-packages/onnx/backend/test/data/light";
}

TEST(Reader, ReadsEverySharedModel) {
  for (const std::string& folder : {std::string(CYCLOID_SOURCE_DIR) + "/../shared/models", light_folder()}) {
    if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << folder << " is absent";
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".onnx") continue;
      const auto model = read_model(entry.path().string());
      ASSERT_TRUE(model.ok()) << model.error().message();
      EXPECT_GT(model->graph.node_count(), 0U);
      const auto status = verify(model->graph);
      EXPECT_TRUE(status.ok()) << entry.path() << ": " << status.error().message();
    }
  }
}

}  // namespace
}  // namespace cycloid::onnx
