#include "graph/fix_inputs.h"

#include <map>

#include "base/error.h"
#include "base/suggest.h"

namespace cycloid {
namespace {

std::vector<std::string> input_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const ValueId id : graph.inputs()) names.push_back(graph.value(id).name);
  return names;
}

// `name`, or an error that lists what there is.
Result<ValueId> find_input(const Graph& graph, const std::string& name, std::string_view option) {
  for (const ValueId id : graph.inputs()) {
    if (graph.value(id).name == name) return id;
  }
  std::string list;
  const std::vector<std::string> names = input_names(graph);
  for (const std::string& known : names) list += (list.empty() ? "'" : ", '") + known + "'";
  return invalid_argument("{} {}: the model has no such input{}; it has {}", option, name, did_you_mean(name, names),
                          list.empty() ? "none" : list);
}

}  // namespace

Status fix_inputs(Graph& graph, const std::vector<InputSpec>& specs, std::string_view option) {
  std::map<std::string, std::int64_t> bindings;
  for (const InputSpec& spec : specs) {
    CYCLOID_ASSIGN(const ValueId id, find_input(graph, spec.name, option));
    ValueType type = graph.value(id).type;
    if (type.kind != ValueType::Kind::kTensor) {
      return invalid_argument("{} {}: this input is a {}, which has no shape to fix", option, spec.name,
                              to_string(type));
    }
    if (spec.dtype && *spec.dtype != type.dtype) {
      return invalid_argument("{} {}: the model wants {}, not {}", option, spec.name, to_string(type.dtype),
                              to_string(*spec.dtype));
    }
    if (type.shape && type.shape->size() != spec.dims.size()) {
      return invalid_argument("{} {}: the model wants rank {} ({}), not {}", option, spec.name, type.shape->size(),
                              to_string(*type.shape), to_string(spec.dims));
    }
    for (std::size_t axis = 0; type.shape && axis < spec.dims.size(); ++axis) {
      const Dim& declared = (*type.shape)[axis];
      const std::int64_t size = spec.dims[axis];
      if (declared.is_known() && !declared.is(size)) {
        return invalid_argument("{} {}: axis {} is {} in the model, not {}", option, spec.name, axis,
                                declared.to_string(), size);
      }
      if (const auto symbol = declared.as_symbol()) {
        const auto [known, added] = bindings.emplace(*symbol, size);
        if (!added && known->second != size) {
          return invalid_argument("{} {}: axis {} is '{}', which another input fixes to {}, not {}", option, spec.name,
                                  axis, *symbol, known->second, size);
        }
      }
    }
    type.shape = to_shape(spec.dims);
    graph.set_type(id, std::move(type));
  }
  const auto replace = [&](const std::string& symbol) -> std::optional<Dim> {
    const auto found = bindings.find(symbol);
    if (found == bindings.end()) return std::nullopt;
    return Dim(found->second);
  };
  for (const ValueId id : graph.values()) {
    ValueType type = graph.value(id).type;
    if (!type.shape) continue;
    for (Dim& dim : *type.shape) dim = dim.substitute(replace);
    graph.set_type(id, std::move(type));
  }
  return {};
}

}  // namespace cycloid
