#include "onnx/import/inline.h"

#include <algorithm>
#include <memory>
#include <tuple>

#include "base/error.h"
#include "graph/splice.h"

namespace cycloid::onnx {
namespace {

// Functions that call functions multiply: a few lines can ask for any number of nodes.
constexpr std::size_t kMaxInlinedNodes = std::size_t{1} << 20;

class Inliner {
 public:
  Inliner(const std::vector<Function>& functions, const ConvertBody& convert)
      : functions_(functions), convert_(convert) {}

  Status run(Graph& graph) {
    const std::vector<NodeId> nodes(graph.nodes().begin(), graph.nodes().end());
    for (const NodeId id : nodes) {
      CYCLOID_TRY(run_subgraphs(graph, id));
      if (const Function* function = find(graph.node(id))) {
        const std::string place = describe(graph, graph.node(id));
        CYCLOID_TRY(call(graph, id, *function).in(place));
      }
    }
    return {};
  }

 private:
  const Function* find(const Node& node) const {
    for (const Function& function : functions_) {
      const auto key = [](const auto& x, const std::string& name) { return std::tie(x.domain, name, x.overload); };
      if (key(function, function.name) == key(node, node.op_type)) return &function;
    }
    return nullptr;
  }

  Result<GraphPtr> inlined(const GraphPtr& graph) {
    auto copy = std::make_shared<Graph>(*graph);
    CYCLOID_TRY(run(*copy));
    return GraphPtr(std::move(copy));
  }

  Status run_subgraphs(Graph& graph, NodeId id) {
    const Attributes attributes = graph.node(id).attributes;
    for (const auto& [name, attribute] : attributes) {
      if (const auto* body = std::get_if<GraphPtr>(&attribute)) {
        CYCLOID_ASSIGN(GraphPtr changed, inlined(*body));
        graph.set_attribute(id, name, std::move(changed));
      } else if (const auto* bodies = std::get_if<std::vector<GraphPtr>>(&attribute)) {
        std::vector<GraphPtr> changed;
        for (const GraphPtr& one : *bodies) {
          CYCLOID_ASSIGN(GraphPtr inner, inlined(one));
          changed.push_back(std::move(inner));
        }
        graph.set_attribute(id, name, std::move(changed));
      }
    }
    return {};
  }

  // References to the function's attributes become the call's values, or the defaults, or nothing.
  Result<GraphPtr> resolved(const Graph& body, const Attributes& values) {
    auto copy = std::make_shared<Graph>(body);
    for (const NodeId id : std::vector<NodeId>(copy->nodes().begin(), copy->nodes().end())) {
      const Attributes attributes = copy->node(id).attributes;
      for (const auto& [name, attribute] : attributes) {
        if (const auto* reference = std::get_if<AttributeReference>(&attribute)) {
          const auto at = values.find(reference->name);
          if (at == values.end()) {
            copy->remove_attribute(id, name);
          } else if (std::holds_alternative<GraphPtr>(at->second) ||
                     std::holds_alternative<std::vector<GraphPtr>>(at->second)) {
            return unsupported("the attribute '{}' hands a graph to a function", reference->name);
          } else {
            copy->set_attribute(id, name, at->second);
          }
        } else if (const auto* graph = std::get_if<GraphPtr>(&attribute)) {
          CYCLOID_ASSIGN(GraphPtr inner, resolved(**graph, values));
          copy->set_attribute(id, name, std::move(inner));
        } else if (const auto* graphs = std::get_if<std::vector<GraphPtr>>(&attribute)) {
          std::vector<GraphPtr> inners;
          for (const GraphPtr& one : *graphs) {
            CYCLOID_ASSIGN(GraphPtr inner, resolved(*one, values));
            inners.push_back(std::move(inner));
          }
          copy->set_attribute(id, name, std::move(inners));
        }
      }
    }
    return GraphPtr(std::move(copy));
  }

  Status call(Graph& graph, NodeId id, const Function& function) {
    if (std::ranges::find(stack_, &function) != stack_.end()) {
      return invalid_model("the function '{}' calls itself, directly or through others", function.name);
    }
    Attributes values = graph.node(id).attributes;
    values.insert(function.default_attributes.begin(), function.default_attributes.end());
    CYCLOID_ASSIGN(const GraphPtr plain, resolved(function.body, values));
    Graph body = *plain;
    // What is known of the arguments helps to convert the body.
    const std::vector<ValueId> arguments = graph.node(id).inputs;
    for (std::size_t i = 0; i < arguments.size() && i < body.inputs().size(); ++i) {
      if (arguments[i].valid()) body.set_type(body.inputs()[i], graph.value(arguments[i]).type);
    }
    stack_.push_back(&function);
    CYCLOID_TRY(run(body));
    stack_.pop_back();
    CYCLOID_TRY(convert_(body, function.opsets));
    nodes_ += count_nodes(body);
    if (nodes_ > kMaxInlinedNodes) {
      return make_error(ErrorCode::kResourceExhausted, "the model's functions make more than {} nodes",
                        kMaxInlinedNodes);
    }
    const Node call = graph.node(id);
    if (call.inputs.size() > body.inputs().size() || call.outputs.size() > body.outputs().size()) {
      return invalid_model("it has {} inputs and {} outputs, but the function has {} and {}", call.inputs.size(),
                           call.outputs.size(), body.inputs().size(), body.outputs().size());
    }
    CYCLOID_ASSIGN(const std::vector<ValueId> results, splice(graph, body, call.inputs, id));
    for (std::size_t i = 0; i < call.outputs.size(); ++i) {
      if (!call.outputs[i].valid()) continue;
      if (!results[i].valid()) return invalid_model("its output {} is an input that is absent", i);
      take_over(graph, call.outputs[i], results[i], id);
    }
    graph.erase_node(id);
    return {};
  }

  const std::vector<Function>& functions_;
  const ConvertBody& convert_;
  std::vector<const Function*> stack_;
  std::size_t nodes_ = 0;
};

}  // namespace

Status inline_functions(ModelIr& model, const ConvertBody& convert) {
  if (model.functions.empty()) return {};
  const std::vector<Function> functions = std::move(model.functions);
  model.functions.clear();
  return Inliner(functions, convert).run(model.graph);
}

}  // namespace cycloid::onnx
