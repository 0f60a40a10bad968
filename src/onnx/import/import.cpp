#include "onnx/import/import.h"

#include <algorithm>
#include <array>
#include <memory>

#include "base/error.h"
#include "graph/splice.h"
#include "graph/text.h"
#include "onnx/import/converter.h"
#include "onnx/import/inline.h"
#include "onnx/reader.h"
#include "ops/op.h"

namespace cycloid::onnx {
namespace {

static_assert(kTextOpset == kNewestOpset, "texts that do not say their operator set are of the newest");

constexpr std::string_view kMl = "ai.onnx.ml";
constexpr std::int64_t kNewestMlOpset = 5;
constexpr std::int64_t kTreeMlOpset = 4;     // the last with TreeEnsembleClassifier and TreeEnsembleRegressor
constexpr std::int64_t kNewestOpsetIr = 14;  // the IR version that came with kNewestOpset
constexpr std::int64_t kConsumedInputs = 6;  // up to here every operator could have the attribute consumed_inputs

using Opsets = std::map<std::string, std::int64_t, std::less<>>;

// The tensor of a Constant node, or nothing where no attribute gives it.
Result<std::optional<Tensor>> constant_of(const Node& node) {
  std::optional<Tensor> value;
  const auto one = [&]<class T>(const T* x) {
    if (x != nullptr) value = Tensor::scalar(*x);
  };
  const auto many = [&]<class T>(const std::vector<T>* x) {
    if (x != nullptr) value = Tensor::of<T>({static_cast<std::int64_t>(x->size())}, std::span<const T>(*x));
  };
  for (const auto& [name, attribute] : node.attributes) {
    if (name == "value" && std::holds_alternative<Tensor>(attribute)) value = std::get<Tensor>(attribute);
    if (name == "value_float") one(std::get_if<float>(&attribute));
    if (name == "value_int") one(std::get_if<std::int64_t>(&attribute));
    if (name == "value_string") one(std::get_if<std::string>(&attribute));
    if (name == "value_floats") many(std::get_if<std::vector<float>>(&attribute));
    if (name == "value_ints") many(std::get_if<std::vector<std::int64_t>>(&attribute));
    if (name == "value_strings") many(std::get_if<std::vector<std::string>>(&attribute));
  }
  return value;
}

std::vector<std::span<const Converter>> converters_of(std::string_view domain) {
  if (domain == kMl) return {ml_converters()};
  if (!domain.empty()) return {};
  return {elementwise_converters(), tensor_converters(), nn_converters(), resize_converters(), control_converters()};
}

class GraphConverter {
 public:
  GraphConverter(Graph& graph, const Opsets& opsets, const KnownTypes* outer)
      : graph_(graph), opsets_(opsets), types_(graph, outer, kNewestOpset) {}

  Status run() {
    const std::vector<NodeId> nodes(graph_.nodes().begin(), graph_.nodes().end());
    for (const NodeId id : nodes) {
      const std::string place = describe(graph_, graph_.node(id));
      CYCLOID_TRY(convert(id).in(place));
      if (graph_.alive(id) && !makes_anything(id)) graph_.erase_node(id);
    }
    return {};
  }

 private:
  Status convert(NodeId id) {
    const Node& node = graph_.node(id);
    if (node.domain.empty() && node.op_type == "Constant") return make_constant(id);
    CYCLOID_TRY(convert_subgraphs(id));
    const auto version = opsets_.find(node.domain);
    if (version != opsets_.end()) {
      CYCLOID_TRY(convert_operator(id, version->second));
    } else if (node.domain.empty()) {
      return invalid_model("the model does not import the operator set ai.onnx, to which it belongs");
    }
    if (graph_.alive(id)) types_.learn(id);
    return {};
  }

  bool makes_anything(NodeId id) const { return std::ranges::any_of(graph_.node(id).outputs, &ValueId::valid); }

  Status make_constant(NodeId id) {
    const Node& node = graph_.node(id);
    CYCLOID_ASSIGN(auto value, constant_of(node));
    if (!value) return invalid_model("it has no value of a kind that a Constant may have");
    if (!node.inputs.empty() || node.outputs.size() != 1)
      return invalid_model("a Constant has no inputs and one output");
    const ValueId output = node.outputs[0];
    if (output.valid()) {
      const std::string name = graph_.value(output).name;
      const ValueId made = graph_.add_constant(name, *std::move(value));
      graph_.replace_uses(output, made);  // a graph output may be a constant
      graph_.rename(made, name);
    }
    graph_.erase_node(id);
    return {};
  }

  Result<GraphPtr> converted(const GraphPtr& subgraph) {
    auto copy = std::make_shared<Graph>(*subgraph);
    CYCLOID_TRY(GraphConverter(*copy, opsets_, &types_).run());
    return GraphPtr(std::move(copy));
  }

  Status convert_subgraphs(NodeId id) {
    const Attributes attributes = graph_.node(id).attributes;
    for (const auto& [name, attribute] : attributes) {
      if (const auto* body = std::get_if<GraphPtr>(&attribute)) {
        auto changed = converted(*body);
        if (!changed) return changed.error().in(name);
        graph_.set_attribute(id, name, *std::move(changed));
      } else if (const auto* bodies = std::get_if<std::vector<GraphPtr>>(&attribute)) {
        std::vector<GraphPtr> all;
        for (const GraphPtr& one : *bodies) {
          auto changed = converted(one);
          if (!changed) return changed.error().in(name);
          all.push_back(*std::move(changed));
        }
        graph_.set_attribute(id, name, std::move(all));
      }
    }
    return {};
  }

  Status convert_operator(NodeId id, std::int64_t version) {
    const std::string domain = graph_.node(id).domain;
    NodeEditor edit(graph_, id, types_, version);
    if (domain.empty() && version < kConsumedInputs) edit.drop("consumed_inputs");
    const auto through = [&](std::span<const Converter> converters) -> Status {
      for (const Converter& converter : converters) {
        if (edit.erased()) return {};
        if (version < converter.before && edit.node().op_type == converter.op) CYCLOID_TRY(converter.convert(edit));
      }
      return {};
    };
    for (const auto converters : converters_of(domain)) CYCLOID_TRY(through(converters));
    return {};
  }

  Graph& graph_;
  const Opsets& opsets_;
  KnownTypes types_;
};

Status check_known(const Opsets& opsets) {
  const auto check = [&](std::string_view domain, std::int64_t newest) -> Status {
    const auto at = opsets.find(domain);
    if (at == opsets.end() || at->second <= newest) return {};
    return unsupported("the model is of version {} of the operator set {}; this build knows versions up to {}",
                       at->second, domain.empty() ? "ai.onnx" : domain, newest);
  };
  CYCLOID_TRY(check("", kNewestOpset));
  return check(kMl, kNewestMlOpset);
}

Status convert_graph(Graph& graph, const Opsets& opsets) {
  CYCLOID_TRY(check_known(opsets));
  return GraphConverter(graph, opsets, nullptr).run();
}

}  // namespace

bool import_converts(std::string_view domain, std::string_view op_type) {
  if (domain.empty() && op_type == "Constant") return true;
  return std::ranges::any_of(converters_of(domain), [&](std::span<const Converter> converters) {
    return std::ranges::find(converters, op_type, &Converter::op) != converters.end();
  });
}

Status to_normal_form(ModelIr& model) {
  CYCLOID_TRY(check_known(model.opsets));
  std::vector<std::string> function_domains;
  for (const Function& function : model.functions) {
    function_domains.push_back(function.domain);
    CYCLOID_TRY(check_known(function.opsets));
    for (const auto& [domain, version] : function.opsets) model.opsets.emplace(domain, version);
  }
  // The main graph first: what inlining puts into it is then of the normal form already.
  CYCLOID_TRY(convert_graph(model.graph, model.opsets));
  CYCLOID_TRY(inline_functions(model, convert_graph));
  for (const std::string& domain : function_domains) {
    if (!domain.empty() && domain != kMl) model.opsets.erase(domain);
  }
  model.opsets.insert_or_assign("", kNewestOpset);
  if (const auto ml = model.opsets.find(kMl); ml != model.opsets.end() && ml->second < kTreeMlOpset)
    ml->second = kTreeMlOpset;
  model.ir_version = kNewestOpsetIr;
  return {};
}

Result<ModelIr> import_model(const std::string& path) {
  CYCLOID_ASSIGN(ModelIr model, read_model(path));
  CYCLOID_TRY(to_normal_form(model).in(path));
  return model;
}

}  // namespace cycloid::onnx
