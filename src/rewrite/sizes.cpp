#include "rewrite/sizes.h"

#include <map>

#include "base/error.h"

namespace cycloid {
namespace {

constexpr int kMostNodes = 64;  // of a chain that is followed

// Runs the operators' inference backwards from a value, for what it says of elements; types are those in the graph.
class Follower {
 public:
  explicit Follower(const RuleContext& context) : context_(context) {}

  std::optional<ShapeData> follow(ValueId id) {
    if (!id.valid()) return std::nullopt;
    if (const auto at = found_.find(id); at != found_.end()) return at->second;
    if (const Tensor* tensor = constant(id)) {
      const bool ints = tensor->dtype() == DType::kInt64 || tensor->dtype() == DType::kInt32;
      if (!ints || tensor->rank() > 1 || tensor->element_count() > 1024) return std::nullopt;
      const auto elements = to_int64s(*tensor);
      return ShapeData(elements.begin(), elements.end());
    }
    const Node* node = context_.graph.producer(id);
    if (node == nullptr || ++visited_ > kMostNodes) return std::nullopt;
    const Op* op = find_op(node->domain, node->op_type);
    if (op == nullptr) return std::nullopt;
    Inference inference(*this, *node);
    if (!op->infer(inference)) return std::nullopt;
    for (auto& [output, data] : inference.found) {
      if (output < node->outputs.size()) found_.insert_or_assign(node->outputs[output], std::move(data));
    }
    const auto at = found_.find(id);
    return at != found_.end() ? at->second : std::nullopt;
  }

  const Tensor* constant(ValueId id) const { return context_.graph.constant(id); }

 private:
  class Inference final : public InferContext {
   public:
    Inference(Follower& follower, const Node& node) : follower_(follower), node_(node) {}
    const Node& node() const override { return node_; }
    const ValueType* input(std::size_t i) const override {
      return id(i).valid() ? &follower_.context_.graph.value(id(i)).type : nullptr;
    }
    const Tensor* constant(std::size_t i) const override { return id(i).valid() ? follower_.constant(id(i)) : nullptr; }
    std::optional<ShapeData> shape_data(std::size_t i) const override { return follower_.follow(id(i)); }
    void set_output(std::size_t, ValueType) override {}
    void set_shape_data(std::size_t i, ShapeData data) override { found.insert_or_assign(i, std::move(data)); }
    Result<std::vector<ValueType>> infer_subgraph(std::string_view, std::span<const ValueType>) override {
      return unsupported("subgraphs are not followed");
    }
    std::int64_t opset() const override {
      const auto at = follower_.context_.model.opsets.find(node_.domain);
      return at != follower_.context_.model.opsets.end() ? at->second : kNewestOpset;
    }

    std::map<std::size_t, ShapeData> found;

   private:
    ValueId id(std::size_t i) const { return i < node_.inputs.size() ? node_.inputs[i] : ValueId{}; }

    Follower& follower_;
    const Node& node_;
  };

  const RuleContext& context_;
  std::map<ValueId, std::optional<ShapeData>> found_;
  int visited_ = 0;
};

}  // namespace

std::optional<ShapeData> sizes_of(const RuleContext& context, ValueId id) { return Follower(context).follow(id); }

std::optional<Dim> size_of(const RuleContext& context, ValueId id) {
  const auto sizes = sizes_of(context, id);
  if (!sizes || sizes->size() != 1) return std::nullopt;
  return (*sizes)[0];
}

bool at_most(const Dim& a, const Dim& b) {
  if (a == b) return true;
  return a.is_known() && b.is_known() && a.value() <= b.value();
}

}  // namespace cycloid
