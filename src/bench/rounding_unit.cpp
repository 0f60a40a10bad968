#include "bench/rounding_unit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <string_view>

#include "cycloid/model.h"
#include "ops/chosen_elements.h"

namespace cycloid {
namespace {

// Of a value: its elements are rounded as if they were as large as `unit`, and are at most `bound` where that is known.
struct Scale {
  double unit = 0;
  std::optional<double> bound;
};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Averages of their input's elements, or the largest of them.
constexpr std::array<std::string_view, 4> kAverages = {"AveragePool", "GlobalAveragePool", "GlobalMaxPool",
                                                       "ReduceMean"};
constexpr std::array<std::string_view, 3> kSums = {"Add", "Sub", "Sum"};
constexpr std::array<std::string_view, 2> kSigmoids = {"HardSigmoid", "Sigmoid"};

std::optional<double> largest_of(const Tensor& constant) {
  std::optional<double> largest;
  const auto measure = [&]<class T>(T) {
    double most = 0;
    for (const T value : constant.data<T>()) most = std::max(most, std::abs(static_cast<double>(value)));
    if (std::isfinite(most)) largest = most;
  };
  dispatch<float, double>(constant.dtype(), measure);
  return largest;
}

class Walk {
 public:
  explicit Walk(const Graph& graph) : graph_(graph) {}

  std::vector<double> units() {
    for (const NodeId id : graph_.nodes()) visit(graph_.node(id));
    std::vector<double> units;
    for (const ValueId output : graph_.outputs()) units.push_back(scale_of(output).unit);
    return units;
  }

 private:
  Scale scale_of(ValueId id) {
    if (!id.valid()) return {};
    if (const auto found = scales_.find(id); found != scales_.end()) return found->second;
    const Tensor* constant = graph_.constant(id);
    const Scale scale{0, constant == nullptr ? std::nullopt : largest_of(*constant)};
    scales_.emplace(id, scale);
    return scale;
  }

  Scale largest(const Node& node, std::size_t from) {
    Scale result{0, 0};
    for (std::size_t i = from; i < node.inputs.size(); ++i) {
      const Scale scale = scale_of(node.inputs[i]);
      result.unit = std::max(result.unit, scale.unit);
      result.bound = result.bound && scale.bound ? std::optional(std::max(*result.bound, *scale.bound)) : std::nullopt;
    }
    return result;
  }

  Scale sum(const Node& node) {
    Scale result{0, 0};
    for (const ValueId input : node.inputs) {
      const Scale scale = scale_of(input);
      result.unit += scale.unit;
      result.bound = result.bound && scale.bound ? std::optional(*result.bound + *scale.bound) : std::nullopt;
    }
    return result;
  }

  // What scales a value scales its unit. Where the other factor is unknown, so is the product.
  static Scale product(const Scale& a, const Scale& b) {
    if (!a.bound || !b.bound) return {};
    return {a.unit * *b.bound + b.unit * *a.bound, *a.bound * *b.bound};
  }

  Scale result_of(const Node& node) {
    if (!node.domain.empty() || node.inputs.empty()) return {};
    if (contains(kSigmoids, node.op_type)) return {1, 1};
    if (chooses_of_first(node) || contains(kAverages, node.op_type)) return scale_of(node.inputs[0]);
    if (chooses_of_any(node) || node.op_type == "Mean") return largest(node, node.op_type == "Where" ? 1 : 0);
    if (contains(kSums, node.op_type)) return sum(node);
    if (node.op_type == "Mul" && node.inputs.size() == 2)
      return product(scale_of(node.inputs[0]), scale_of(node.inputs[1]));
    return {};
  }

  void visit(const Node& node) {
    const Scale scale = result_of(node);
    // TopK's indices and the like are integers, to which no tolerance applies.
    for (const ValueId output : node.outputs) {
      if (output.valid()) scales_.insert_or_assign(output, scale);
    }
  }

  const Graph& graph_;
  std::map<ValueId, Scale> scales_;
};

}  // namespace

std::vector<double> rounding_units(const Graph& graph) { return Walk(graph).units(); }

std::vector<double> rounding_units_of_file(const std::string& onnx_path) {
  const Result<Model> model = Model::load(onnx_path);
  return model ? rounding_units(model->ir()->graph) : std::vector<double>{};
}

}  // namespace cycloid
