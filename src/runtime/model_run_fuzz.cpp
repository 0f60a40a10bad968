// Any model: an error, or outputs, within the memory and time that the user allows.
#include <array>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "cycloid/session.h"
#include "ops/sample_inputs.h"
#include "runtime/model_mutator.h"

namespace cycloid {
namespace {

constexpr std::size_t kMostMemory = std::size_t{64} << 20;
constexpr double kMostMs = 500;

void run(const Model& model, std::uint8_t mode) {
  const SessionOptions options{
      .threads = 1, .reference = (mode & 1) != 0, .max_memory = kMostMemory, .timeout_ms = kMostMs};
  const Result<Session> session = Session::create(model, options);
  if (!session || !fuzz::small_inputs(model)) return;
  constexpr std::array kKinds = {SampleKind::kUniform, SampleKind::kNormal, SampleKind::kSpecial, SampleKind::kZeros};
  const auto inputs = sample_inputs(model.ir()->graph, kKinds[(mode >> 1) & 3], (mode >> 3) & 3, (mode >> 5) & 3, 1);
  if (!inputs) return;
  const std::vector<AnyValue> values(inputs->begin(), inputs->end());
  const auto outputs = session->evaluate(values);
  if (outputs.ok()) CYCLOID_CHECK(outputs->size() == session->outputs().size());
}

}  // namespace
}  // namespace cycloid

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return cycloid::fuzz::run_on_model(data, size, cycloid::run);
}
