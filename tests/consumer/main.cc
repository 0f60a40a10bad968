// Usage: consumer VERSION MODEL. The model has one float input and one float output of fixed shapes; the input is filled
// with 0, 1, 2, ... and the output printed, one element a line. Exits with 0 when all went well.
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cycloid/cycloid.h"

namespace {

int fail(const cycloid::Error& error) {
  std::fprintf(stderr, "%s\n", error.message().c_str());
  return 1;
}

std::size_t elements(const cycloid::ValueInfo& value) {
  std::size_t count = 1;
  for (const std::int64_t size : value.shape) count *= static_cast<std::size_t>(size);
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || cycloid::version() != std::string_view(argv[1])) {
    std::fprintf(stderr, "the library is version %s\n", std::string(cycloid::version()).c_str());
    return 1;
  }
  const cycloid::Result<cycloid::Model> model = cycloid::Model::load(argv[2]);
  if (!model) return fail(model.error());
  const cycloid::Result<cycloid::Session> session = cycloid::Session::create(*model, {.threads = 1});
  if (!session) return fail(session.error());

  const cycloid::ValueInfo& in = session->inputs()[0];
  const cycloid::ValueInfo& out = session->outputs()[0];
  if (in.dtype != cycloid::DType::kFloat32 || session->find_input(in.name) != 0) return 1;
  std::vector<float> x(elements(in));
  std::vector<float> y(elements(out));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  const cycloid::TensorView inputs[] = {{std::span(x), in.shape}};
  const cycloid::MutableTensorView outputs[] = {{std::span(y), out.shape}};
  if (const cycloid::Status status = session->run(inputs, outputs); !status) return fail(status.error());
  for (const float element : y) std::printf("%.9g\n", static_cast<double>(element));

  // An error comes back as a value, says what is wrong, and leaves the session fit for use.
  const std::int64_t wrong[] = {1};
  const cycloid::TensorView bad[] = {{std::span(x), wrong}};
  const cycloid::Status refused = session->run(bad, outputs);
  if (refused || refused.error().code() != cycloid::ErrorCode::kInvalidArgument) return 1;
  if (const cycloid::Status status = session->run(inputs, outputs); !status) return fail(status.error());

  // The optimiser: its account, and a model that gives the same.
  const cycloid::Result<cycloid::Optimization> optimized = cycloid::optimize(*model, {.verify_seconds = 5});
  if (!optimized) return fail(optimized.error());
  if (cycloid::optimization_rules().empty() || optimized->after.nodes > optimized->before.nodes) return 1;
  if (optimized->to_json().find("cycloid.ledger/1") == std::string::npos) return 1;
  const cycloid::Result<cycloid::Session> faster = cycloid::Session::create(optimized->model, {.threads = 1});
  if (!faster) return fail(faster.error());
  const std::vector<float> expected = y;
  if (const cycloid::Status status = faster->run(inputs, outputs); !status) return fail(status.error());
  for (std::size_t i = 0; i < y.size(); ++i) {
    const float difference = y[i] > expected[i] ? y[i] - expected[i] : expected[i] - y[i];
    if (difference > 1e-4F * (1 + (expected[i] < 0 ? -expected[i] : expected[i]))) return 1;
  }
  const std::string path = std::string(argv[2]) + ".optimized.onnx";
  if (const cycloid::Status status = cycloid::save_model(optimized->model, path); !status) return fail(status.error());
  if (const auto again = cycloid::Model::load(path); !again) return fail(again.error());
  return 0;
}
