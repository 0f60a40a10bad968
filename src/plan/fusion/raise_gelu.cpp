// x * (1 + erf(x / sqrt(2))) * 0.5                               =>  Gelu(x)
// x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) * 0.5      =>  Gelu <approximate="tanh"> (x)
//
// The factors of a product may stand in any order and nesting. A product is taken apart into the factors that are not
// constants and one number.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <vector>

#include "graph/is_op.h"
#include "plan/fusion/fusion.h"
#include "plan/fusion/replace.h"

namespace cycloid {
namespace {

// Constants of exporters are rounded to float32, and some are written with 6 digits.
bool near(double a, double b) { return std::fabs(a - b) <= 2e-6 * std::fabs(b); }

class Raising {
 public:
  explicit Raising(Graph& graph) : graph_(graph) {}

  void run() {
    const std::vector<NodeId> order(graph_.nodes().begin(), graph_.nodes().end());
    for (const NodeId id : order) {
      if (graph_.alive(id) && is_op(graph_.node(id), "Mul")) raise(id);
    }
  }

 private:
  struct Product {
    double number = 1;
    std::vector<ValueId> factors;
  };

  const Node* maker(ValueId id, std::string_view op) const {
    const Node* node = graph_.producer(id);
    return node != nullptr && is_op(*node, op) ? node : nullptr;
  }
  bool used_once(ValueId id) const { return graph_.value(id).uses.size() == 1 && !graph_.is_output(id); }

  std::optional<double> number(ValueId id) const {
    const Tensor* tensor = graph_.constant(id);
    if (tensor == nullptr || tensor->dtype() != DType::kFloat32 || tensor->element_count() != 1) return {};
    return static_cast<double>(tensor->data<float>()[0]);
  }

  // The factors of `id`; those that others use too stay whole. `depth` bounds the nesting that is looked into.
  void take_apart(ValueId id, int depth, bool root, Product& product) const {
    if (const auto value = number(id)) {
      product.number *= *value;
      return;
    }
    const Node* node = maker(id, "Mul");
    const Node* division = node == nullptr ? maker(id, "Div") : nullptr;
    if (depth > 0 && (root || used_once(id))) {
      if (node != nullptr) {
        take_apart(node->inputs[0], depth - 1, false, product);
        take_apart(node->inputs[1], depth - 1, false, product);
        return;
      }
      if (division != nullptr && number(division->inputs[1])) {
        product.number /= *number(division->inputs[1]);
        take_apart(division->inputs[0], depth - 1, false, product);
        return;
      }
    }
    product.factors.push_back(id);
  }

  // v = a + 1  =>  a
  std::optional<ValueId> less_one(ValueId id) const {
    const Node* add = maker(id, "Add");
    if (add == nullptr || !used_once(id)) return {};
    for (const std::size_t i : {0, 1}) {
      const auto one = number(add->inputs[i]);
      if (one && *one == 1) return add->inputs[1 - i];
    }
    return {};
  }

  // Whether v = erf(x / sqrt(2)).
  bool is_erf_of(ValueId v, ValueId x) const {
    const Node* erf = maker(v, "Erf");
    if (erf == nullptr || !used_once(v)) return false;
    Product inner;
    take_apart(erf->inputs[0], 2, false, inner);
    return inner.factors == std::vector<ValueId>{x} && near(inner.number, std::numbers::sqrt2 / 2);
  }

  // Whether v = 0.044715 * x^3.
  bool is_cube(ValueId v, ValueId x) const {
    Product cube;
    take_apart(v, 3, false, cube);
    if (!near(cube.number, 0.044715)) return false;
    if (cube.factors == std::vector<ValueId>{x, x, x}) return true;
    if (cube.factors.size() != 1) return false;
    const Node* power = maker(cube.factors[0], "Pow");
    return power != nullptr && power->inputs[0] == x && number(power->inputs[1]) == 3.0;
  }

  // Whether v = tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)).
  bool is_tanh_of(ValueId v, ValueId x) const {
    const Node* tanh = maker(v, "Tanh");
    if (tanh == nullptr || !used_once(v)) return false;
    Product inner;
    take_apart(tanh->inputs[0], 2, false, inner);
    if (inner.factors.size() != 1 || !near(inner.number, std::sqrt(2 / std::numbers::pi))) return false;
    const Node* sum = maker(inner.factors[0], "Add");
    if (sum == nullptr) return false;
    return (sum->inputs[0] == x && is_cube(sum->inputs[1], x)) || (sum->inputs[1] == x && is_cube(sum->inputs[0], x));
  }

  void raise(NodeId id) {
    const ValueId y = graph_.node(id).outputs[0];
    // A factor of a larger product is part of that one.
    Product product;
    take_apart(y, 3, true, product);
    if (product.factors.size() != 2 || !near(product.number, 0.5)) return;
    const ValueType& type = graph_.value(y).type;
    if (!type.is_tensor() || type.dtype != DType::kFloat32) return;
    for (const std::size_t i : {0, 1}) {
      const ValueId x = product.factors[i];
      const std::optional<ValueId> gate = less_one(product.factors[1 - i]);
      if (!gate) continue;
      const bool erf = is_erf_of(*gate, x);
      if (!erf && !is_tanh_of(*gate, x)) continue;
      Node node{.name = graph_.node(id).name, .domain = "", .op_type = "Gelu"};
      if (!erf) node.attributes["approximate"] = std::string("tanh");
      node.inputs = {x};
      replace_value(graph_, y, std::move(node), id);
      graph_.remove_dead();
      return;
    }
  }

  Graph& graph_;
};

}  // namespace

void raise_gelu(Graph& graph) { Raising(graph).run(); }

}  // namespace cycloid
