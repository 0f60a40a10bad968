// Any model: optimised (which compares values with those of the original), exported to an operator set and read again, within bounds
// of memory and time. What comes out is a valid model with the same inputs and outputs; what cannot be done is an error.
#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/work_bounds.h"
#include "cycloid/optimize.h"
#include "onnx/export/export.h"
#include "ops/sample_inputs.h"
#include "runtime/model_mutator.h"

namespace cycloid {
namespace {

constexpr std::size_t kMostMemory = std::size_t{64} << 20;
constexpr double kMostMs = 1000;

std::vector<std::string> names_of(const Graph& graph, std::span<const ValueId> values) {
  std::vector<std::string> names;
  for (const ValueId id : values) names.push_back(graph.value(id).name);
  return names;
}

void check_same_interface(const Graph& a, const Graph& b) {
  CYCLOID_CHECK(names_of(a, a.inputs()) == names_of(b, b.inputs()));
  CYCLOID_CHECK(names_of(a, a.outputs()) == names_of(b, b.outputs()));
}

// The outputs' types by reference evaluation, or an error: inference lets pass what only a run would refuse.
Result<std::vector<std::string>> types_of_run(const ModelIr& model) {
  CYCLOID_ASSIGN(const auto inputs, sample_inputs(model.graph, SampleKind::kUniform, 1, 2, 1));
  CYCLOID_ASSIGN(const std::vector<Datum> outputs, evaluate(model, inputs));
  std::vector<std::string> types;
  for (const Datum& output : outputs) {
    const Tensor* tensor = output.tensor();
    types.push_back(tensor == nullptr ? "no tensor"
                                      : fmt::format("{}{}", to_string(tensor->dtype()), to_string(tensor->dims())));
  }
  return types;
}

// Written at an operator set, and read again as a user would. What ran before is a model that runs, whatever the bounds allow.
void check_export(const ModelIr& model, std::int64_t opset, std::int64_t source) {
  const Result<ModelIr> written = opset == 0 ? onnx::to_best_opset(model, source) : onnx::to_opset(model, opset);
  if (!written) return;
  CYCLOID_CHECK(verify(written->graph).ok());
  const auto bytes = onnx::to_bytes(*written);
  CYCLOID_CHECK(bytes.ok());
  const auto again = Model::from_bytes(std::as_bytes(std::span(*bytes)));
  const auto before = types_of_run(model);
  if (!before) return;
  const auto bounded = [](const Error& error) {
    return error.code() == ErrorCode::kResourceExhausted || error.code() == ErrorCode::kUnsupported || stopping();
  };
  CYCLOID_CHECK(again.ok() || bounded(again.error()));
  if (!again) return;
  check_same_interface(model.graph, again->ir()->graph);
  const auto after = types_of_run(*again->ir());
  CYCLOID_CHECK(after.ok() ? *after == *before : bounded(after.error()));
}

void run(const Model& model, std::uint8_t mode) {
  if (!fuzz::small_inputs(model)) return;
  StopSignal stop({.timeout_ms = kMostMs});
  const WorkBounds bounds{.stop = &stop, .memory = std::make_shared<MemoryBudget>(kMostMemory)};
  const BoundsScope scope(bounds);
  OptimizationOptions options;
  options.assume_finite = (mode & 1) != 0;
  options.fold_limit = 1 << 16;
  options.seed = mode;
  options.verify_seconds = 0.2;
  const auto optimized = optimize(model, options);
  if (!optimized) return;
  const ModelIr& result = *optimized->model.ir();
  CYCLOID_CHECK(verify(result.graph).ok());
  check_same_interface(model.ir()->graph, result.graph);
  constexpr std::array<std::int64_t, 4> kOpsets = {0, 17, 13, 8};
  check_export(result, kOpsets[(mode >> 1) & 3], model.source_opset());
}

}  // namespace
}  // namespace cycloid

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return cycloid::fuzz::run_on_model(data, size, cycloid::run);
}
