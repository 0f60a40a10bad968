// Scan: a subgraph run over the slices of tensors along their sequence axes, with states carried along.
#include <algorithm>

#include "base/error.h"
#include "ops/control/join_types.h"
#include "ops/control/list.h"
#include "ops/control/stack.h"
#include "ops/cost.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/split.h"

namespace cycloid {
namespace {

struct ScanAttributes {
  GraphPtr body;
  std::size_t states = 0;
  std::size_t scan_inputs = 0;
  std::size_t scan_outputs = 0;
  std::vector<std::int64_t> input_axes, input_directions, output_axes, output_directions;

  static Result<ScanAttributes> parse(const Node& node) {
    ScanAttributes a;
    CYCLOID_ASSIGN(a.body, get_graph(node, "body"));
    CYCLOID_ASSIGN(const std::int64_t count, get_int(node, "num_scan_inputs", 0));
    const auto inputs = static_cast<std::int64_t>(node.inputs.size());
    if (count < 1 || count > inputs)
      return invalid_model("num_scan_inputs is {}, but Scan has {} inputs", count, inputs);
    a.scan_inputs = static_cast<std::size_t>(count);
    a.states = node.inputs.size() - a.scan_inputs;
    if (a.body->inputs().size() != node.inputs.size()) {
      return invalid_model("the body has {} inputs, but Scan {}", a.body->inputs().size(), node.inputs.size());
    }
    if (a.body->outputs().size() < a.states || a.body->outputs().size() < node.outputs.size()) {
      return invalid_model("the body has {} outputs only", a.body->outputs().size());
    }
    a.scan_outputs = a.body->outputs().size() - a.states;
    const auto list = [&](const char* name, std::size_t size) -> Result<std::vector<std::int64_t>> {
      CYCLOID_ASSIGN(auto values, get_ints(node, name, std::vector<std::int64_t>(size, 0)));
      if (values.size() != size)
        return invalid_model("{} has {} elements, but {} are needed", name, values.size(), size);
      return values;
    };
    CYCLOID_ASSIGN(a.input_axes, list("scan_input_axes", a.scan_inputs));
    CYCLOID_ASSIGN(a.input_directions, list("scan_input_directions", a.scan_inputs));
    CYCLOID_ASSIGN(a.output_axes, list("scan_output_axes", a.scan_outputs));
    CYCLOID_ASSIGN(a.output_directions, list("scan_output_directions", a.scan_outputs));
    return a;
  }
};

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const ScanAttributes a, ScanAttributes::parse(context.node()));
  Dim length = Dim::unknown();
  bool length_known = false;
  std::vector<ValueType> slices;
  for (std::size_t i = 0; i < a.scan_inputs; ++i) {
    CYCLOID_ASSIGN(ValueType x, input_type(context, a.states + i));
    if (x.shape) {
      CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(a.input_axes[i], x.shape->size()));
      const Dim size = (*x.shape)[static_cast<std::size_t>(axis)];
      CYCLOID_TRY(check_equal(length, size, "the lengths of the scan inputs"));
      length = length_known ? known_of(length, size) : size;
      length_known = true;
      x.shape->erase(x.shape->begin() + axis);
    }
    slices.push_back(std::move(x));
  }
  std::vector<ValueType> states;
  for (std::size_t i = 0; i < a.states; ++i)
    states.push_back(context.input(i) != nullptr ? *context.input(i) : ValueType{});
  TypeJoin joiner;
  std::vector<ValueType> results;
  for (int round = 0;; ++round) {
    std::vector<ValueType> inputs = states;
    inputs.insert(inputs.end(), slices.begin(), slices.end());
    CYCLOID_ASSIGN(results, context.infer_subgraph("body", inputs));
    bool changed = false;
    for (std::size_t i = 0; i < a.states; ++i) {
      CYCLOID_ASSIGN(ValueType joined, joiner.join(states[i], results[i]).in(fmt::format("state {}", i)));
      if (round >= 4 && !(joined == states[i])) joined.shape = std::nullopt;
      changed = changed || !(joined == states[i]);
      states[i] = std::move(joined);
    }
    if (!changed) break;
    if (round > 8) return unsupported("the types of the states do not come to rest");
  }
  for (std::size_t i = 0; i < context.output_count(); ++i) {
    if (i < a.states) {
      context.set_output(i, states[i]);
      continue;
    }
    std::int64_t axis = a.output_axes[i - a.states];
    if (results[i].shape) {
      CYCLOID_ASSIGN(axis, normalize_axis(axis, results[i].shape->size() + 1));
    }
    context.set_output(i, stacked_type(results[i], axis, length));
  }
  return {};
}

std::vector<ValueType> scanned_types(const ScanAttributes& a) {
  std::vector<ValueType> types;
  for (std::size_t i = 0; i < a.scan_outputs; ++i) types.push_back(a.body->value(a.body->outputs()[a.states + i]).type);
  return types;
}

// Where there is no iteration, the sizes beside the length follow from those of the inputs: one run of the body on zeros
// shows them. A body that fails on zeros leaves the declared ones.
void learn_shapes(EvalContext& context, const ScanAttributes& a, const std::vector<Datum>& states,
                  const std::vector<const Tensor*>& sequences, const std::vector<std::size_t>& axes,
                  std::vector<ValueType>& types) {
  std::vector<Datum> inputs = states;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    Dims dims = sequences[i]->dims();
    dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(axes[i]));
    auto zeros = Tensor::zeros(sequences[i]->dtype(), dims);
    if (!zeros) return;
    inputs.emplace_back(*std::move(zeros));
  }
  const auto results = context.run_subgraph("body", inputs);
  if (!results) return;
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (const Tensor* shown = (*results)[a.states + i].tensor()) types[i].shape = to_shape(shown->dims());
  }
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const ScanAttributes a, ScanAttributes::parse(context.node()));
  std::vector<Datum> states;
  for (std::size_t i = 0; i < a.states; ++i)
    states.push_back(context.input(i) != nullptr ? *context.input(i) : Datum());
  std::vector<const Tensor*> sequences;
  std::vector<std::size_t> axes;
  for (std::size_t i = 0; i < a.scan_inputs; ++i) {
    CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, a.states + i));
    CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(a.input_axes[i], x->rank()));
    sequences.push_back(x);
    axes.push_back(static_cast<std::size_t>(axis));
    if (x->dim(axes.back()) != sequences[0]->dim(axes[0])) return invalid_argument("the scan inputs differ in length");
  }
  const std::int64_t length = sequences[0]->dim(axes[0]);
  std::vector<std::vector<Datum>> scanned(a.scan_outputs);
  HeldStrings held;
  std::vector<ValueType> types = scanned_types(a);
  if (length == 0) learn_shapes(context, a, states, sequences, axes, types);
  for (std::int64_t step = 0; step < length; ++step) {
    std::vector<Datum> inputs = std::move(states);
    for (std::size_t i = 0; i < a.scan_inputs; ++i) {
      const std::int64_t at = a.input_directions[i] != 0 ? length - 1 - step : step;
      CYCLOID_ASSIGN(const Tensor slice, slice_axis(*sequences[i], axes[i], at, 1));
      Dims dims = slice.dims();
      dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(axes[i]));
      inputs.emplace_back(slice.reshaped(std::move(dims)));
    }
    CYCLOID_ASSIGN(auto results, context.run_subgraph("body", inputs));
    const auto middle = results.begin() + static_cast<std::ptrdiff_t>(a.states);
    states.assign(std::make_move_iterator(results.begin()), std::make_move_iterator(middle));
    for (std::size_t i = 0; i < a.scan_outputs; ++i) {
      CYCLOID_TRY(held.add(context, middle[static_cast<std::ptrdiff_t>(i)]));
      scanned[i].push_back(std::move(middle[static_cast<std::ptrdiff_t>(i)]));
    }
  }
  for (std::size_t i = 0; i < a.scan_outputs; ++i) {
    if (a.output_directions[i] != 0) std::ranges::reverse(scanned[i]);
    const ValueType& type = types[i];
    const std::size_t rank = scanned[i].empty()
                                 ? (type.shape ? type.shape->size() : 0)
                                 : (scanned[i][0].tensor() != nullptr ? scanned[i][0].tensor()->rank() : 0);
    CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(a.output_axes[i], rank + 1));
    CYCLOID_ASSIGN(Tensor stacked, stack(context, scanned[i], static_cast<std::size_t>(axis), type));
    states.emplace_back(std::move(stacked));
  }
  return states;
}

Result<Cost> cost(const Graph& graph, const Node& node) {
  CYCLOID_ASSIGN(const ScanAttributes a, ScanAttributes::parse(node));
  CYCLOID_ASSIGN(const Cost once, cost_of(*a.body));
  const Shape* x = input_shape(graph, node, a.states);
  Dim length = Dim::unknown();
  if (x != nullptr) {
    CYCLOID_ASSIGN(const std::int64_t axis, normalize_axis(a.input_axes[0], x->size()));
    length = (*x)[static_cast<std::size_t>(axis)];
  }
  return Cost{once.flops * length, once.bytes * length};
}

}  // namespace

const Op kScan = {.domain = "",
                  .name = "Scan",
                  .since = 9,
                  .min_inputs = 1,
                  .max_inputs = Op::kVariadic,
                  .max_outputs = Op::kVariadic,
                  .infer = infer,
                  .evaluate = evaluate,
                  .cost = cost};

}  // namespace cycloid
