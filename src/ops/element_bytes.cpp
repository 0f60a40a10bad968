#include "ops/element_bytes.h"

#include <algorithm>

namespace cycloid {

std::size_t element_bytes(const EvalContext& context, DType dtype) {
  if (dtype != DType::kString) return std::max<std::size_t>(1, size_of(dtype));
  if (context.bytes_left() == SIZE_MAX) return sizeof(std::string);
  std::size_t longest = 0;
  for (std::size_t i = 0; i < context.input_count(); ++i) {
    const Tensor* tensor = context.optional_tensor(i);
    if (tensor == nullptr || tensor->dtype() != DType::kString) continue;
    for (const std::string& text : tensor->data<std::string>()) longest = std::max(longest, text.size());
  }
  return sizeof(std::string) + longest;
}

}  // namespace cycloid
