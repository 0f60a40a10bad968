// Any bytes: a model or an error, and what is read can be imported, inferred, printed, written and read again.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "base/check.h"
#include "graph/text.h"
#include "onnx/import/import.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "ops/op.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cycloid;
  auto model = onnx::read_model(std::as_bytes(std::span(data, size)));
  if (!model) return 0;
  CYCLOID_CHECK(verify(model->graph).ok());
  const auto written = onnx::to_bytes(*model);
  CYCLOID_CHECK(written.ok());
  const auto again = onnx::read_model(std::as_bytes(std::span(*written)));
  CYCLOID_CHECK(again.ok());
  if (!onnx::to_normal_form(*model)) return 0;
  CYCLOID_CHECK(verify(model->graph).ok());
  const Status inferred = infer_types(*model);
  if (inferred.ok()) CYCLOID_CHECK(verify(model->graph).ok());
  CYCLOID_CHECK(onnx::to_bytes(*model).ok());
  return 0;
}
