// RNN, GRU and LSTM: a product of all inputs with W, and a walk over the steps.
#include "kernels/recurrent/recurrent.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "ops/recurrent/recurrent.h"
#include "plan/lowering/product.h"
#include "plan/lowering/recurrent.h"

namespace cycloid {
namespace {

using kernels::GateFunction;
using kernels::GateKind;
using kernels::RecurrentArgs;
using kernels::RecurrentCell;
using kernels::RecurrentPlan;

// A state's or output's place with its strides in floats, from direction to direction and from row to row.
struct StatePlace {
  std::optional<Place> place;
  std::int64_t direction = 0, row = 0;
};

// What the step knows beside the plan.
struct Setup {
  RecurrentAttributes attributes;
  RecurrentSizes sizes;
  std::vector<std::array<GateFunction, 3>> functions;  // by direction
  Place x;                                             // the product, columns of all directions
  StatePlace h0, c0, y, y_h, y_c;
  std::int64_t x_step = 0, x_row = 0, y_step = 0;
  std::optional<Place> lengths;
  // By direction, each of so many floats.
  const float* weights = nullptr;
  const float* recurrent_bias = nullptr;
  const float* peepholes = nullptr;
};

class SequenceStep final : public Step {
 public:
  SequenceStep(RecurrentPlan plan, Setup setup) : plan_(plan), setup_(std::move(setup)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    if (setup_.lengths && !lengths_fit(context)) return;
    for (std::int64_t unit = begin; unit < end; ++unit) run_unit(context, unit / plan_.groups, unit % plan_.groups);
  }

 private:
  bool lengths_fit(const StepContext& context) const {
    const auto* lengths = context.at<const std::int32_t>(*setup_.lengths);
    for (std::int64_t i = 0; i < setup_.sizes.batch; ++i) {
      if (lengths[i] >= 0 && lengths[i] <= setup_.sizes.steps) continue;
      context.run->fail(invalid_argument("sequence length {} is outside [0, {}]", lengths[i], setup_.sizes.steps));
      return false;
    }
    return true;
  }

  void run_unit(const StepContext& context, std::int64_t direction, std::int64_t group) const {
    const RecurrentPlan::Rows rows = plan_.rows(group);
    const auto at = [&](const StatePlace& state) {
      return state.place ? context.at<float>(*state.place) + direction * state.direction + rows.begin * state.row
                         : nullptr;
    };
    const auto& functions = setup_.functions[static_cast<std::size_t>(direction)];
    const std::int64_t padded = plan_.padded;
    RecurrentArgs args{.first = plan_.first,
                       .second = plan_.second,
                       .hidden = setup_.sizes.hidden,
                       .padded = padded,
                       .steps = setup_.sizes.steps,
                       .rows = rows.end - rows.begin,
                       .x = context.at<const float>(setup_.x) + direction * plan_.columns + rows.begin * setup_.x_row,
                       .x_step = setup_.x_step,
                       .x_row = setup_.x_row,
                       .weights = setup_.weights + direction * plan_.packed_floats,
                       .recurrent_bias = nullptr,
                       .peepholes = nullptr,
                       .functions = {functions[0], functions[1], functions[2]},
                       .clip = setup_.attributes.clip.value_or(0),
                       .input_forget = setup_.attributes.input_forget,
                       .reverse = setup_.attributes.reversed(direction),
                       .lengths = nullptr,
                       .h0 = at(setup_.h0),
                       .c0 = at(setup_.c0),
                       .h0_row = setup_.h0.row,
                       .c0_row = setup_.c0.row,
                       .y = at(setup_.y),
                       .y_step = setup_.y_step,
                       .y_row = setup_.y.row,
                       .y_h = at(setup_.y_h),
                       .y_c = at(setup_.y_c),
                       .y_h_row = setup_.y_h.row,
                       .y_c_row = setup_.y_c.row,
                       .state = reinterpret_cast<float*>(context.scratch)};
    if (setup_.recurrent_bias != nullptr) args.recurrent_bias = setup_.recurrent_bias + direction * padded;
    if (setup_.peepholes != nullptr) args.peepholes = setup_.peepholes + direction * 3 * padded;
    if (setup_.lengths) args.lengths = context.at<const std::int32_t>(*setup_.lengths) + rows.begin;
    plan_.fn(args);
  }

  RecurrentPlan plan_;
  Setup setup_;
};

GateFunction function_of(const RecurrentActivation& activation) {
  static constexpr struct {
    std::string_view name;
    GateKind kind;
  } kKinds[] = {{"Sigmoid", GateKind::kSigmoid},
                {"Tanh", GateKind::kTanh},
                {"Relu", GateKind::kRelu},
                {"Affine", GateKind::kAffine},
                {"LeakyRelu", GateKind::kLeakyRelu},
                {"ThresholdedRelu", GateKind::kThresholdedRelu},
                {"ScaledTanh", GateKind::kScaledTanh},
                {"HardSigmoid", GateKind::kHardSigmoid},
                {"Elu", GateKind::kElu},
                {"Softsign", GateKind::kSoftsign},
                {"Softplus", GateKind::kSoftplus}};
  for (const auto& line : kKinds) {
    if (line.name == activation.name)
      return {line.kind, static_cast<float>(activation.alpha), static_cast<float>(activation.beta)};
  }
  CYCLOID_CHECK(false);
  return {};
}

std::vector<std::string> default_activations(std::string_view op) {
  if (op == "LSTM") return {"Sigmoid", "Tanh", "Tanh"};
  if (op == "GRU") return {"Sigmoid", "Tanh"};
  return {"Tanh"};
}

RecurrentCell cell_of(std::string_view op, const RecurrentAttributes& attributes) {
  if (op == "LSTM") return RecurrentCell::kLstm;
  if (op == "RNN") return RecurrentCell::kRnn;
  return attributes.linear_before_reset ? RecurrentCell::kGruLinear : RecurrentCell::kGru;
}

ValueId input_of(const Node& node, std::size_t i) { return i < node.inputs.size() ? node.inputs[i] : ValueId{}; }

const float* floats_of(const Lowering& lowering, ValueId id) {
  const Tensor* tensor = lowering.constant(id);
  return tensor == nullptr ? nullptr : tensor->data<float>().data();
}

// Whether each optional input is absent or of the sizes that the kernels read. Inference knows W and R alone.
bool inputs_fit(const Lowering& lowering, const Node& node, const RecurrentAttributes& a, const RecurrentSizes& s,
                std::int64_t rows) {
  const auto fits = [&](std::size_t i, DType dtype, const Dims& dims) {
    const ValueId id = input_of(node, i);
    return !id.valid() || (lowering.dims(id) != nullptr && *lowering.dims(id) == dims && lowering.dtype(id) == dtype);
  };
  const Dims state = a.batch_first ? Dims{s.batch, a.directions, s.hidden} : Dims{a.directions, s.batch, s.hidden};
  return fits(1, DType::kFloat32, {a.directions, rows, s.input}) &&
         fits(2, DType::kFloat32, {a.directions, rows, s.hidden}) &&
         fits(3, DType::kFloat32, {a.directions, 2 * rows}) && fits(4, DType::kInt32, {s.batch}) &&
         fits(5, DType::kFloat32, state) && fits(6, DType::kFloat32, state) &&
         fits(7, DType::kFloat32, {a.directions, 3 * s.hidden});
}

// The rows of W and the biases in the order of the plan's columns; columns of no unit are zero.
struct Columns {
  std::vector<float> w, bias;
};

Columns arrange(const RecurrentPlan& plan, const RecurrentSizes& sizes, const float* w, const float* b) {
  const std::int64_t directions = plan.params.directions, rows = plan.gates() * sizes.hidden;
  const bool hidden_apart = plan.params.cell == RecurrentCell::kGruLinear;
  Columns columns;
  columns.w.assign(static_cast<std::size_t>(directions * plan.columns * sizes.input), 0.0f);
  columns.bias.assign(static_cast<std::size_t>(directions * plan.columns), 0.0f);
  for (std::int64_t d = 0; d < directions; ++d) {
    for (std::int64_t i = 0; i < rows; ++i) {
      const std::int64_t gate = i / sizes.hidden, to = d * plan.columns + plan.column(gate, i % sizes.hidden);
      std::copy_n(w + (d * rows + i) * sizes.input, sizes.input, columns.w.begin() + to * sizes.input);
      if (b == nullptr) continue;
      // GRU's hidden gate has its recurrent bias inside of what the reset gate multiplies.
      const float recurrent = hidden_apart && gate == 2 ? 0.0f : b[(2 * d + 1) * rows + i];
      columns.bias[static_cast<std::size_t>(to)] = b[2 * d * rows + i] + recurrent;
    }
  }
  return columns;
}

// `parts` rows of `hidden` floats a direction, each padded.
float* padded_rows(Lowering& lowering, const RecurrentPlan& plan, const float* from, std::int64_t parts,
                   std::int64_t direction_stride) {
  BufferId buffer;
  const std::int64_t directions = plan.params.directions;
  auto* to = reinterpret_cast<float*>(
      lowering.constant_memory(static_cast<std::size_t>(directions * parts * plan.padded) * sizeof(float), buffer));
  for (std::int64_t d = 0; from != nullptr && d < directions; ++d) {
    for (std::int64_t p = 0; p < parts; ++p)
      std::copy_n(from + d * direction_stride + p * plan.params.hidden, plan.params.hidden,
                  to + (d * parts + p) * plan.padded);
  }
  return to;
}

}  // namespace

Declined lower_recurrent(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  Setup setup;
  const auto attributes = RecurrentAttributes::parse(node, default_activations(node.op_type));
  if (!attributes) return attributes.error().message();
  setup.attributes = *attributes;
  const RecurrentAttributes& a = setup.attributes;
  if (!lowering.is_float(node.inputs[0])) return "only float32 is native";
  const float* w = floats_of(lowering, node.inputs[1]);
  const float* r = floats_of(lowering, node.inputs[2]);
  const ValueId bias = input_of(node, 3), lengths = input_of(node, 4), peepholes = input_of(node, 7);
  const float* b = floats_of(lowering, bias);
  if (w == nullptr || r == nullptr || (bias.valid() && b == nullptr) ||
      (peepholes.valid() && lowering.constant(peepholes) == nullptr))
    return "weights that are computed in the run";
  const Dims x = *lowering.dims(node.inputs[0]), r_dims = *lowering.dims(node.inputs[2]);
  setup.sizes = {x[a.batch_first ? 1 : 0], x[a.batch_first ? 0 : 1], x[2], r_dims[2]};
  const RecurrentSizes& s = setup.sizes;
  if (s.input == 0 || s.steps == 0 || s.batch == 0 || s.hidden == 0) return "an empty input";
  if (!inputs_fit(lowering, node, a, s, r_dims[1])) return "inputs of sizes that do not fit each other";

  const RecurrentPlan plan = kernels::plan_recurrent({.cell = cell_of(node.op_type, a),
                                                      .hidden = s.hidden,
                                                      .batch = s.batch,
                                                      .directions = a.directions,
                                                      .threads = lowering.threads()},
                                                     lowering.options().isa);
  const std::size_t per_direction = a.activations.size() / static_cast<std::size_t>(a.directions);
  for (std::int64_t d = 0; d < a.directions; ++d) {
    auto& functions = setup.functions.emplace_back();
    for (std::size_t i = 0; i < per_direction; ++i)
      functions[i] = function_of(a.activations[static_cast<std::size_t>(d) * per_direction + i]);
  }
  const std::int64_t width = a.directions * plan.columns, rows = plan.gates() * s.hidden;
  BufferId buffer;
  auto* packed = reinterpret_cast<float*>(
      lowering.constant_memory(static_cast<std::size_t>(a.directions * plan.packed_floats) * sizeof(float), buffer));
  for (std::int64_t d = 0; d < a.directions; ++d) plan.pack(r + d * rows * s.hidden, packed + d * plan.packed_floats);
  setup.weights = packed;
  if (plan.params.cell == RecurrentCell::kGruLinear) {
    // Rb of the third gate follows Wb and two gates of Rb.
    setup.recurrent_bias = padded_rows(lowering, plan, b == nullptr ? nullptr : b + rows + 2 * s.hidden, 1, 2 * rows);
  }
  if (peepholes.valid()) setup.peepholes = padded_rows(lowering, plan, floats_of(lowering, peepholes), 3, 3 * s.hidden);

  const Columns columns = arrange(plan, s, w, b);
  std::optional<Place> row_bias;
  if (b != nullptr)
    row_bias = lowering.constant_place(Tensor::of<float>({width}, std::span<const float>(columns.bias)));
  setup.x = lowering.temporary(DType::kFloat32, {s.steps * s.batch, width});
  add_constant_product(lowering, {.m = s.steps * s.batch, .n = width, .k = s.input, .b_transposed = true},
                       lowering.read(node.inputs[0], Layout::kRowMajor), columns.w.data(), row_bias, setup.x, id);
  setup.x_step = (a.batch_first ? 1 : s.batch) * width;
  setup.x_row = (a.batch_first ? s.steps : 1) * width;

  Lowering::Draft draft;
  const auto state = [&](Place place, bool write) {
    (write ? draft.writes : draft.reads).push_back(place);
    return StatePlace{.place = std::move(place),
                      .direction = (a.batch_first ? 1 : s.batch) * s.hidden,
                      .row = (a.batch_first ? a.directions : 1) * s.hidden};
  };
  draft.reads = {setup.x};
  if (const ValueId h0 = input_of(node, 5); h0.valid()) setup.h0 = state(lowering.read(h0, Layout::kRowMajor), false);
  if (const ValueId c0 = input_of(node, 6); c0.valid()) setup.c0 = state(lowering.read(c0, Layout::kRowMajor), false);
  if (lengths.valid()) {
    setup.lengths = lowering.read(lengths, Layout::kRowMajor);
    draft.reads.push_back(*setup.lengths);
  }
  const auto output = [&](std::size_t i) { return i < node.outputs.size() ? node.outputs[i] : ValueId{}; };
  if (output(0).valid()) {
    setup.y = {.place = lowering.define(output(0), Layout::kRowMajor),
               .direction = (a.batch_first ? 1 : s.batch) * s.hidden,
               .row = (a.batch_first ? s.steps * a.directions : 1) * s.hidden};
    setup.y_step = a.directions * (a.batch_first ? 1 : s.batch) * s.hidden;
    draft.writes.push_back(*setup.y.place);
  }
  if (output(1).valid()) setup.y_h = state(lowering.define(output(1), Layout::kRowMajor), true);
  if (output(2).valid()) setup.y_c = state(lowering.define(output(2), Layout::kRowMajor), true);
  draft.nodes = {id};
  draft.kernel = plan.name;
  draft.units = plan.units();
  draft.scratch_bytes = plan.scratch_bytes;
  draft.flops = 2.0 * static_cast<double>(s.steps * s.batch * a.directions * rows * s.hidden);
  draft.bytes = static_cast<double>(plan.packed_floats) * sizeof(float);
  draft.speed = 0.3;
  lowering.add(std::make_unique<SequenceStep>(plan, std::move(setup)), std::move(draft));
  return {};
}

}  // namespace cycloid
