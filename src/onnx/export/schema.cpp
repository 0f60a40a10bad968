#include "onnx/export/schema.h"

#include <algorithm>
#include <iterator>
#include <string>

namespace cycloid::onnx {
namespace {

constexpr OpSchema kSchemas[] = {
#include "onnx/export/schemas.inc"
};

}  // namespace

bool OpSchema::has_attribute(std::string_view name) const {
  for (std::size_t at = attributes.find(name); at != std::string_view::npos; at = attributes.find(name, at + 1)) {
    if (attributes[at - 1] == ' ' && attributes[at + name.size()] == ' ') return true;
  }
  return false;
}

std::span<const OpSchema> all_schemas() { return kSchemas; }

const OpSchema* find_schema(std::string_view op, std::int64_t opset) {
  const OpSchema* found = nullptr;
  for (const OpSchema& schema : kSchemas) {
    if (schema.op == op && schema.since <= opset && (found == nullptr || schema.since > found->since)) found = &schema;
  }
  return found != nullptr && !found->withdrawn() ? found : nullptr;
}

std::optional<std::int64_t> first_opset(std::string_view op) {
  std::optional<std::int64_t> first;
  for (const OpSchema& schema : kSchemas) {
    if (schema.op == op) first = std::min(first.value_or(schema.since), schema.since);
  }
  return first;
}

}  // namespace cycloid::onnx
