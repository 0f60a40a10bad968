// x * clip(x + 3, 0, 6) / 6      =>  HardSwish(x)
// x * (clip(x + 3, 0, 6) / 6)    =>  HardSwish(x)
//
// as exporters write it that know no HardSwish. A product by 1/6 stands for the division too.
#include <cmath>
#include <optional>

#include "graph/is_op.h"
#include "plan/fusion/fusion.h"
#include "plan/fusion/replace.h"

namespace cycloid {
namespace {

class Raising {
 public:
  explicit Raising(Graph& graph) : graph_(graph) {}

  void run() {
    const std::vector<NodeId> order(graph_.nodes().begin(), graph_.nodes().end());
    for (const NodeId id : order) {
      if (graph_.alive(id) && is_op(graph_.node(id), "Clip")) raise(graph_.node(id));
    }
  }

 private:
  std::optional<float> number(const Node& node, std::size_t input) const {
    if (input >= node.inputs.size() || !node.inputs[input].valid()) return {};
    const Tensor* tensor = graph_.constant(node.inputs[input]);
    if (tensor == nullptr || tensor->dtype() != DType::kFloat32 || tensor->element_count() != 1) return {};
    return tensor->data<float>()[0];
  }

  // The only user of `id`, or an invalid id.
  NodeId only_user(ValueId id) const {
    const std::vector<Use>& uses = graph_.value(id).uses;
    if (uses.size() != 1 || uses[0].input == Use::kCaptured || graph_.is_output(id)) return {};
    return uses[0].node;
  }

  // x of x + 3, where nothing else uses the sum.
  std::optional<ValueId> less_three(ValueId sum) const {
    const Node* add = graph_.producer(sum);
    if (add == nullptr || !is_op(*add, "Add") || !only_user(sum).valid()) return {};
    for (const std::size_t i : {0, 1}) {
      if (number(*add, i) == 3.0f) return add->inputs[1 - i];
    }
    return {};
  }

  // v of v / 6, or of v * (1 / 6) in either order.
  std::optional<ValueId> sixth_of(const Node& node) const {
    if (is_op(node, "Div") && number(node, 1) == 6.0f) return node.inputs[0];
    if (!is_op(node, "Mul")) return {};
    for (const std::size_t i : {0, 1}) {
      const std::optional<float> factor = number(node, i);
      if (factor && std::fabs(*factor - 1.0f / 6) <= 1e-6f) return node.inputs[1 - i];
    }
    return {};
  }

  bool is_product_of(const Node& node, ValueId a, ValueId b) const {
    return is_op(node, "Mul") &&
           ((node.inputs[0] == a && node.inputs[1] == b) || (node.inputs[0] == b && node.inputs[1] == a));
  }

  void raise(const Node& clip) {
    if (number(clip, 1) != 0.0f || number(clip, 2) != 6.0f) return;
    const std::optional<ValueId> x = less_three(clip.inputs[0]);
    if (!x) return;
    const ValueId gate = clip.outputs[0];
    const NodeId first = only_user(gate);
    if (!first.valid()) return;
    const ValueId middle = graph_.node(first).outputs[0];
    const NodeId second = only_user(middle);
    if (!second.valid()) return;
    const bool product_first = is_product_of(graph_.node(first), *x, gate) && sixth_of(graph_.node(second)) == middle;
    const bool product_last = sixth_of(graph_.node(first)) == gate && is_product_of(graph_.node(second), *x, middle);
    if (product_first || product_last) replace(second, *x);
  }

  void replace(NodeId last, ValueId x) {
    const ValueId y = graph_.node(last).outputs[0];
    const ValueType type = graph_.value(y).type;
    // A number of shape [1, 1, 1, 1, 1] may have added dimensions.
    if (!type.is_tensor() || type.dtype != DType::kFloat32 || type.shape != graph_.value(x).type.shape) return;
    Node node{.name = graph_.node(last).name, .domain = "", .op_type = "HardSwish"};
    node.inputs = {x};
    replace_value(graph_, y, std::move(node), last);
    graph_.remove_dead();
  }

  Graph& graph_;
};

}  // namespace

void raise_hard_swish(Graph& graph) { Raising(graph).run(); }

}  // namespace cycloid
