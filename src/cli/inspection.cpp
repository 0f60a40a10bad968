#include "cli/inspection.h"

#include <algorithm>
#include <set>

#include "cycloid/dtype.h"
#include "ops/op.h"

namespace cycloid {
namespace {

// Unknown Dims print with a "?", which symbols of models do not hold: they come from names that the reader accepts as is,
// so a symbol with a "?" is at worst shown as unknown.
std::optional<Dim> if_known(const Dim& dim) {
  if (dim.to_string().find('?') != std::string::npos) return std::nullopt;
  return dim;
}

std::string operator_name(const Node& node) {
  return node.domain.empty() ? node.op_type : node.domain + "." + node.op_type;
}

bool holds_subgraph(const Node& node) {
  bool holds = false;
  for_each_subgraph(node, [&](const std::string&, const Graph&) { holds = true; });
  return holds;
}

KnownCost known_cost(const Graph& graph, const Node& node) {
  const Op* op = find_op(node.domain, node.op_type);
  // What a Loop or If costs depends on what happens at run time, unless its definition says better.
  if (op == nullptr || (holds_subgraph(node) && op->cost == nullptr)) return {};
  const Result<Cost> cost = cost_of(graph, node);
  if (!cost) return {};
  return {if_known(cost->flops), if_known(cost->bytes)};
}

void add(std::optional<Dim>& sum, const std::optional<Dim>& part) {
  if (part) sum = sum ? *sum + *part : *part;
}

class Inspector {
 public:
  Inspection run(const Graph& graph) {
    for (const ValueId id : graph.inputs()) result_.inputs.push_back(named(graph, id));
    for (const ValueId id : graph.outputs()) result_.outputs.push_back(named(graph, id));
    for (const ValueId id : graph.inputs()) count_interface(graph.value(id).type);
    for (const ValueId id : graph.outputs()) count_interface(graph.value(id).type);
    std::set<std::string> symbols;
    for (const ValueId id : graph.inputs()) {
      const ValueType& type = graph.value(id).type;
      if (!type.shape) continue;
      std::vector<std::string> names;
      for (const Dim& dim : *type.shape) dim.collect_symbols(names);
      symbols.insert(names.begin(), names.end());
    }
    result_.symbols.assign(symbols.begin(), symbols.end());
    visit(graph, 0);
    return std::move(result_);
  }

 private:
  static InspectedValue named(const Graph& graph, ValueId id) {
    const Value& value = graph.value(id);
    return {value.name, to_string(value.type)};
  }

  void visit(const Graph& graph, int depth) {
    for (const ValueId id : graph.values()) {
      if (graph.value(id).kind == Value::Kind::kConstant) count_constant(graph.value(id).constant);
    }
    for (const NodeId id : graph.nodes()) visit(graph, graph.node(id), depth);
  }

  void count_interface(const ValueType& type) {
    const std::optional<Dims> dims = type.is_tensor() && type.shape ? known_dims(*type.shape) : std::nullopt;
    const std::optional<std::int64_t> count = dims ? element_count(*dims) : std::nullopt;
    if (count) result_.interface_bytes += (*count * bits_of(type.dtype) + 7) / 8;
  }

  void count_constant(const Tensor& tensor) {
    const DType dtype = tensor.dtype();
    const bool narrow = is_integer(dtype) && bits_of(dtype) < 32;
    if (!is_floating_point(dtype) && !narrow) return;
    result_.parameters += tensor.element_count();
    result_.parameter_bytes += (tensor.element_count() * bits_of(dtype) + 7) / 8;
  }

  void visit(const Graph& graph, const Node& node, int depth) {
    InspectedNode row;
    row.operator_name = operator_name(node);
    row.depth = depth;
    row.name = node.name;
    for (const ValueId output : node.outputs) {
      if (!output.valid()) continue;
      row.output = to_string(graph.value(output).type);
      if (row.name.empty()) row.name = graph.value(output).name;
      break;
    }
    row.cost = known_cost(graph, node);
    tally(row);
    result_.nodes.push_back(std::move(row));
    for_each_subgraph(node, [&](const std::string&, const Graph& body) { visit(body, depth + 1); });
  }

  void tally(const InspectedNode& row) {
    InspectedOperator& of = result_.operators[row.operator_name];
    const bool unknown = !row.cost.flops || !row.cost.bytes;
    ++of.nodes;
    ++result_.nodes_total;
    if (unknown) {
      ++of.nodes_unknown;
      ++result_.nodes_unknown;
    }
    if (unknown || row.depth > 0) return;  // how often a body runs is not known here
    add(of.cost.flops, row.cost.flops);
    add(of.cost.bytes, row.cost.bytes);
    add(result_.total.flops, row.cost.flops);
    add(result_.total.bytes, row.cost.bytes);
  }

  Inspection result_;
};

}  // namespace

std::optional<double> KnownCost::intensity() const {
  if (!flops || !bytes || !flops->is_known() || !bytes->is_known() || bytes->is(0)) return std::nullopt;
  return static_cast<double>(flops->value()) / static_cast<double>(bytes->value());
}

std::map<std::string, std::size_t> count_operators(const Graph& graph) {
  std::map<std::string, std::size_t> counts;
  for (const NodeId id : graph.nodes()) {
    ++counts[operator_name(graph.node(id))];
    for_each_subgraph(graph.node(id), [&](const std::string&, const Graph& body) {
      for (const auto& [name, count] : count_operators(body)) counts[name] += count;
    });
  }
  return counts;
}

Inspection inspect(const Graph& graph) { return Inspector().run(graph); }

}  // namespace cycloid
