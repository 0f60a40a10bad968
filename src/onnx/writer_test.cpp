#include "onnx/writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/atomic_file.h"
#include "base/temporary_folder.h"
#include "graph/text.h"
#include "onnx/import/import.h"
#include "onnx/reader.h"

namespace cycloid::onnx {
namespace {

// The text of `model` and of what is read back after it was written.
void expect_round_trip(const ModelIr& model, std::string_view what) {
  const auto bytes = to_bytes(model);
  ASSERT_TRUE(bytes.ok()) << what << ": " << bytes.error().message();
  const auto again = read_model(std::as_bytes(std::span(*bytes)));
  ASSERT_TRUE(again.ok()) << what << ": " << again.error().message();
  EXPECT_TRUE(verify(again->graph).ok());
  const std::string before = print(model);
  const std::string after = print(*again);
  const auto at = std::ranges::mismatch(before, after).in1 - before.begin();
  EXPECT_TRUE(before == after) << what << ": " << before.substr(static_cast<std::size_t>(at), 200) << "\nbecame "
                               << after.substr(std::min(after.size(), static_cast<std::size_t>(at)), 200);
}

TEST(Writer, SharedModelsRoundTrip) {
  const std::string source = CYCLOID_SOURCE_DIR;
  for (const std::string& folder :
       {source + "/../shared/models", source + "/.venv/lib/python3.11/site-packages/onnx/backend/test/data/light"}) {
    if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << folder << " is absent";
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".onnx" || entry.file_size() > 4'000'000) continue;
      auto model = read_model(entry.path().string());
      ASSERT_TRUE(model.ok()) << model.error().message();
      model->ir_version = std::max<std::int64_t>(model->ir_version, 4);  // what is written at least
      expect_round_trip(*model, entry.path().string());
      ASSERT_TRUE(to_normal_form(*model).ok());
      expect_round_trip(*model, entry.path().string() + ", imported");
    }
  }
}

constexpr std::string_view kEverything = R"(
<ir_version: 10, opset_import: ["" : 21, "local" : 1], producer_name: "p", producer_version: "1", domain: "d", model_version: 3,
 doc_string: "doc", metadata_props: ["k": "v"]>
g (bool c, float["2*N", N, ?] x, float scalar_in, float[?] unsized, seq(float[]) s, seq(?) sq,  optional(int64[2]) o, map(string, float) m) => (float[] y, z, c)
<float16[2] h = {1.5, -2.0}, int4[3] i4 = {-8, 7, 0}, uint2[5] u2 = {0, 1, 2, 3, 1}, float4e2m1[1] f4 = {15}, string[2] t = {"a", ""},
 complex64[1] cc = {1, -2}, bool[2] b = {1, 0}, float[0, 3] empty = {}, int64 scalar = {7}, float[N] q>
{
  [n1] q, "" = local.f:o <alpha = 2.0, ints = [1, -2], e : floats = [], ss = ["a", "b"], tt = float[2] {1, 2}, ts = [int8[1] {1}, int8[1] {2}],
             ty : type_proto = seq(int64[])> (x, "", scalar)
  y = If (c) <then_branch = "then" () => (r) <float[1] k = {1}> { r = Add(q, k) }, else_branch = els () => (float[] r) { r = Neg(q) }>
  z = Identity(h)
}
<domain: "local", opset_import: ["" : 21], overload: "o">
f <ints, alpha : float = 0.5> (a) => (b) { b = Elu <alpha : float = @alpha> (a) }
)";

TEST(Writer, EverythingTheTextFormSaysRoundTrips) {
  const auto model = parse_model(kEverything);
  ASSERT_TRUE(model.ok()) << model.error().message();
  expect_round_trip(*model, "text");
}

TEST(Writer, LargeTensorsGoBesideTheModel) {
  const auto folder = TemporaryFolder::create();
  ASSERT_TRUE(folder.ok());
  const auto model = parse_model(
      "<ir_version: 10, opset_import: [\"\" : 21]> g () => (w, v, i) <float[3] w = {1, 2, 3}, float[1] v = {4}, "
      "int4[40] i = "
      "{1,2,3,4,5,6,7,0,1,2,1,2,3,4,5,6,7,0,1,2,1,2,3,4,5,6,7,0,1,2,1,2,3,4,5,6,7,0,1,2}> {}");
  ASSERT_TRUE(model.ok());
  const std::string path = folder->path() + "/model.onnx";
  ASSERT_TRUE(write_model(*model, path, {.external_from_bytes = 12}).ok());
  EXPECT_EQ(std::filesystem::file_size(path + ".data"), 4096U + 20U);  // w in the first page, i packed in the second
  const auto again = read_model(path);
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(print(*again), print(*model));
  // Nothing of an earlier write is touched where the write fails.
  EXPECT_FALSE(write_model(*model, folder->path() + "/absent/model.onnx", {.external_from_bytes = 12}).ok());
  EXPECT_TRUE(read_model(path).ok());
}

TEST(Writer, TensorFilesRoundTrip) {
  const auto folder = TemporaryFolder::create();
  ASSERT_TRUE(folder.ok());
  const Tensor tensor = Tensor::of<double>({2, 1}, {0.1, -3.0});
  ASSERT_TRUE(write_file_atomically(folder->path() + "/t.pb", to_bytes(tensor, "t")).ok());
  const auto again = read_tensor_file(folder->path() + "/t.pb");
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_TRUE(identical(*again, tensor));
}

}  // namespace
}  // namespace cycloid::onnx
