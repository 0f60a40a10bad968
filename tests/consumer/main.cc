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
  return 0;
}
