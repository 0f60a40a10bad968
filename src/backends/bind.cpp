#include "backends/bind.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/suggest.h"

namespace cycloid {
namespace {

bool fits(const ModelInput& input, const Tensor& tensor) {
  if (input.dtype != DType::kUndefined && input.dtype != tensor.dtype()) return false;
  if (input.any_rank) return true;
  return std::equal(input.dims.begin(), input.dims.end(), tensor.dims().begin(), tensor.dims().end(),
                    [](std::int64_t takes, std::int64_t has) { return takes < 0 || takes == has; });
}

std::string names_of(const std::vector<ModelInput>& model) {
  std::string names;
  for (const ModelInput& input : model) names += (names.empty() ? "" : ", ") + input.name + " " + describe(input);
  return names.empty() ? "no inputs" : names;
}

}  // namespace

std::string describe(const ModelInput& input) {
  std::string text = input.dtype == DType::kUndefined ? "any" : std::string(to_string(input.dtype));
  if (input.any_rank) return text + "[...]";
  std::vector<std::string> sizes;
  for (std::int64_t size : input.dims) sizes.push_back(size < 0 ? "?" : fmt::format("{}", size));
  return fmt::format("{}[{}]", text, fmt::join(sizes, ","));
}

Result<std::vector<std::size_t>> match_inputs(const std::vector<ModelInput>& model,
                                              const std::vector<NamedTensor>& given) {
  // A misspelt name is one too many and one too few; what was written is what its author looks for.
  for (const NamedTensor& g : given) {
    if (std::none_of(model.begin(), model.end(), [&](const ModelInput& input) { return g.name == input.name; })) {
      std::vector<std::string> names;
      for (const ModelInput& input : model) names.push_back(input.name);
      return invalid_argument("the model has no input '{}'{}; it takes {}", g.name, did_you_mean(g.name, names),
                              names_of(model));
    }
  }
  std::vector<std::size_t> matches;
  for (const ModelInput& input : model) {
    auto found = std::find_if(given.begin(), given.end(), [&](const NamedTensor& g) { return g.name == input.name; });
    if (found == given.end()) {
      return invalid_argument("input '{}' is missing; the model takes {}", input.name, names_of(model));
    }
    if (!fits(input, found->tensor)) {
      const Tensor& tensor = found->tensor;
      return invalid_argument("input '{}' is {}[{}]; the model takes {}", input.name, to_string(tensor.dtype()),
                              fmt::join(tensor.dims(), ","), describe(input));
    }
    matches.push_back(static_cast<std::size_t>(found - given.begin()));
  }
  return matches;
}

Error of_model(const Error& error, const std::string& path) {
  return error.message().find(path) == std::string::npos ? error.in(path) : error;
}

Result<Tensor> stack_rows(const std::string& name, const std::vector<Tensor>& rows) {
  const std::int64_t width = rows.empty() ? 0 : rows[0].element_count();
  const DType dtype = rows.empty() ? DType::kFloat32 : rows[0].dtype();
  if (dtype == DType::kString) return unsupported("output '{}' is a sequence of maps to strings", name);
  CYCLOID_ASSIGN(Tensor stacked, Tensor::zeros(dtype, {static_cast<std::int64_t>(rows.size()), width}));
  std::byte* to = stacked.mutable_bytes();
  for (const Tensor& row : rows) {
    if (row.element_count() != width || row.dtype() != dtype) {
      return unsupported("output '{}' is a sequence of maps of different sizes", name);
    }
    std::memcpy(to, row.bytes(), row.byte_count());
    to += row.byte_count();
  }
  return stacked;
}

}  // namespace cycloid
