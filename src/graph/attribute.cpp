#include "graph/attribute.h"

#include "base/error.h"
#include "graph/graph.h"

namespace cycloid {
namespace {

// The attribute as a T, nullptr where absent, an error where it is of another type.
template <class T>
Result<const T*> get(const Node& node, std::string_view name, std::string_view type) {
  const auto at = node.attributes.find(name);
  if (at == node.attributes.end()) return static_cast<const T*>(nullptr);
  const T* value = std::get_if<T>(&at->second);
  if (value == nullptr) return invalid_model("attribute '{}' of {} must be {}", name, node.op_type, type);
  return value;
}

template <class T>
Result<T> get_or(const Node& node, std::string_view name, std::string_view type, T fallback) {
  CYCLOID_ASSIGN(const T* value, get<T>(node, name, type));
  if (value != nullptr) return *value;
  return fallback;
}

}  // namespace

bool has_attribute(const Node& node, std::string_view name) {
  return node.attributes.find(name) != node.attributes.end();
}

Result<std::int64_t> get_int(const Node& node, std::string_view name, std::int64_t fallback) {
  return get_or<std::int64_t>(node, name, "an integer", fallback);
}
Result<float> get_float(const Node& node, std::string_view name, float fallback) {
  return get_or<float>(node, name, "a float", fallback);
}
Result<std::string> get_string(const Node& node, std::string_view name, std::string_view fallback) {
  return get_or<std::string>(node, name, "a string", std::string(fallback));
}
Result<std::vector<std::int64_t>> get_ints(const Node& node, std::string_view name,
                                           std::vector<std::int64_t> fallback) {
  return get_or<std::vector<std::int64_t>>(node, name, "a list of integers", std::move(fallback));
}
Result<std::vector<float>> get_floats(const Node& node, std::string_view name, std::vector<float> fallback) {
  return get_or<std::vector<float>>(node, name, "a list of floats", std::move(fallback));
}
Result<std::vector<std::string>> get_strings(const Node& node, std::string_view name,
                                             std::vector<std::string> fallback) {
  return get_or<std::vector<std::string>>(node, name, "a list of strings", std::move(fallback));
}
Result<const Tensor*> get_tensor(const Node& node, std::string_view name) {
  return get<Tensor>(node, name, "a tensor");
}

Result<GraphPtr> get_graph(const Node& node, std::string_view name) {
  CYCLOID_ASSIGN(const GraphPtr* graph, get<GraphPtr>(node, name, "a graph"));
  if (graph == nullptr) return invalid_model("{} needs the graph attribute '{}'", node.op_type, name);
  return *graph;
}

}  // namespace cycloid
