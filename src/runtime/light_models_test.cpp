// The light models that the onnx package ships: AlexNet to ZFNet with constant weights and their outputs.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "cycloid/session.h"
#include "onnx/reader.h"

namespace cycloid {
namespace {

namespace fs = std::filesystem;

// The package's folder in the tree's virtual environment, or empty.
fs::path light_folder() {
  const fs::path lib = fs::path(CYCLOID_SOURCE_DIR) / ".venv/lib";
  std::error_code error;
  for (const fs::directory_entry& python : fs::directory_iterator(lib, error)) {
    const fs::path folder = python.path() / "site-packages/onnx/backend/test/data/light";
    if (fs::is_directory(folder, error)) return folder;
  }
  return {};
}

class LightModel : public testing::TestWithParam<const char*> {};

TEST_P(LightModel, AgreesWithItsShippedOutput) {
  const fs::path folder = light_folder();
  if (folder.empty()) GTEST_SKIP() << "the onnx package is not in .venv";
  const std::string stem = (folder / ("light_" + std::string(GetParam()))).string();
  const Result<Model> model = Model::load(stem + ".onnx");
  ASSERT_TRUE(model.ok()) << model.error().message();
  ASSERT_EQ(model->inputs().size(), 1U);
  // What onnx.backend.test feeds: i / n, in the fixed shape with 1 for open sizes.
  std::vector<std::int64_t> dims = model->inputs()[0].shape;
  std::int64_t count = 1;
  for (std::int64_t& size : dims) {
    if (size < 0) size = 1;
    count *= size;
  }
  std::vector<float> x(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<float>(static_cast<double>(i) / static_cast<double>(count));

  for (const int threads : {1, 2}) {
    const Result<Session> session = Session::create(*model, {.threads = threads});
    ASSERT_TRUE(session.ok()) << session.error().message();
    const Session::ShapeView shapes[] = {dims};
    const PlanInfo plan = session->plan(shapes).value();
    EXPECT_EQ(plan.reference_steps, 0) << plan.to_text();
    const TensorView in[] = {{std::span(x), dims}};
    const Result<std::vector<AnyValue>> values = session->run(in);
    ASSERT_TRUE(values.ok()) << values.error().message();
    for (std::size_t i = 0; i < values->size(); ++i) {
      const Tensor expected = onnx::read_tensor_file(stem + "_output_" + std::to_string(i) + ".pb").value();
      const TensorView actual = (*values)[i].tensor();
      ASSERT_EQ(Dims(actual.shape.begin(), actual.shape.end()), expected.dims());
      const std::span<const float> e = expected.data<float>();
      const auto* a = static_cast<const float*>(actual.data);
      float largest = 0, worst = 0;
      for (std::size_t k = 0; k < e.size(); ++k) {
        largest = std::max(largest, std::fabs(e[k]));
        worst = std::max(worst, std::fabs(a[k] - e[k]));
      }
      // The onnx package's own tolerance for these models is 1e-3 relative. The longest sums have 25088 terms; roundings of up to 121 layers
      // add: 121 * sqrt(25088) * eps = 1.1e-3.
      EXPECT_LE(worst, 1e-3f * largest) << GetParam() << " output " << i << "\n" << plan.to_text();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Onnx, LightModel,
                         testing::Values("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50",
                                         "shufflenet", "squeezenet", "vgg19", "zfnet512"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace cycloid
