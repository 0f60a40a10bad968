// com.microsoft.DynamicQuantizeLSTM: the products of all inputs with W at once, then step by step those of the state, which is
// quantised anew each time, with R.
#include <algorithm>

#include "base/aligned.h"
#include "kernels/elementwise/elementwise.h"
#include "ops/recurrent/recurrent.h"
#include "plan/lowering/lowerings.h"
#include "plan/lowering/quantize.h"
#include "plan/lowering/quantized.h"

namespace cycloid {
namespace {

using kernels::QgemmPlan;

struct Sizes {
  std::int64_t steps, batch, input, hidden, directions;
};

// What one direction needs in the run.
struct Direction {
  Place input_part;  // [steps * batch][4 * hidden]
  const void* packed = nullptr;
  const float* scale = nullptr;
  bool reversed = false;
};

struct Places {
  std::vector<Direction> directions;
  std::optional<Place> h, c, y, y_h, y_c;
};

// A unit is one element of the batch in one direction.
class QlstmStep final : public Step {
 public:
  QlstmStep(QgemmPlan plan, Sizes sizes, Places places, Isa isa)
      : plan_(std::move(plan)),
        s_(sizes),
        places_(std::move(places)),
        kernels_(kernels::qtile_kernels(isa)),
        sigmoid_(kernels::activation_kernel(kernels::ActivationKind::kSigmoid, isa)),
        tanh_(kernels::activation_kernel(kernels::ActivationKind::kTanh, isa)),
        add_(kernels::binary_kernel(kernels::BinaryKind::kAdd, isa)),
        mul_(kernels::binary_kernel(kernels::BinaryKind::kMul, isa)) {}

  static std::size_t scratch_bytes(const QgemmPlan& plan, std::int64_t hidden) {
    return align_up(plan.scratch_bytes) + align_up(static_cast<std::size_t>(hidden)) +
           7 * align_up(static_cast<std::size_t>(hidden) * sizeof(float));
  }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    for (std::int64_t unit = begin; unit < end; ++unit) run_sequence(context, unit / s_.batch, unit % s_.batch);
  }

 private:
  void run_sequence(const StepContext& context, std::int64_t d, std::int64_t b) const {
    const Direction& direction = places_.directions[static_cast<std::size_t>(d)];
    const std::size_t row = align_up(static_cast<std::size_t>(s_.hidden) * sizeof(float));
    std::byte* at = context.scratch + align_up(plan_.scratch_bytes);
    auto* q = reinterpret_cast<std::uint8_t*>(at);
    at += align_up(static_cast<std::size_t>(s_.hidden));
    auto* h = reinterpret_cast<float*>(at);
    auto* c = reinterpret_cast<float*>(at + row);
    auto* part = reinterpret_cast<float*>(at + 2 * row);
    auto* gates = reinterpret_cast<float*>(at + 3 * row);  // i, o, f, c
    const std::int64_t state = (d * s_.batch + b) * s_.hidden, n = s_.hidden;
    const auto begin = [&](const std::optional<Place>& place, float* to) {
      if (place) {
        std::copy_n(context.at<const float>(*place) + state, n, to);
      } else {
        std::fill_n(to, n, 0.0f);
      }
    };
    begin(places_.h, h);
    begin(places_.c, c);
    for (std::int64_t i = 0; i < s_.steps; ++i) {
      const std::int64_t t = direction.reversed ? s_.steps - 1 - i : i;
      multiply(context, direction, h, q, gates);
      combine(add_, gates, context.at<const float>(direction.input_part) + (t * s_.batch + b) * 4 * n, gates, 4 * n);
      apply(sigmoid_, gates, gates, 3 * n);
      apply(tanh_, gates + 3 * n, gates + 3 * n, n);
      combine(mul_, gates + 2 * n, c, c, n);
      combine(mul_, gates, gates + 3 * n, part, n);
      combine(add_, c, part, c, n);
      apply(tanh_, c, part, n);
      combine(mul_, gates + n, part, h, n);
      if (places_.y) std::copy_n(h, n, context.at<float>(*places_.y) + ((t * s_.directions + d) * s_.batch + b) * n);
    }
    if (places_.y_h) std::copy_n(h, n, context.at<float>(*places_.y_h) + state);
    if (places_.y_c) std::copy_n(c, n, context.at<float>(*places_.y_c) + state);
  }

  // gates = quantised(h) * R
  void multiply(const StepContext& context, const Direction& direction, const float* h, std::uint8_t* q,
                float* gates) const {
    const DynamicScale scale = dynamic_scale(kernels_, h, s_.hidden);
    kernels_.quantize(
        {.x = h, .count = s_.hidden, .scale = scale.scale, .zero = scale.zero, .lo = 0, .hi = 255, .y = q});
    plan_.run({.a = q,
               .packed = direction.packed,
               .a_zero = scale.zero,
               .scale = direction.scale,
               .factor = scale.scale,
               .c = gates,
               .scratch = context.scratch},
              0, plan_.units);
  }

  static void combine(kernels::BinaryFn fn, const float* a, const float* b, float* y, std::int64_t count) {
    fn({.a = a,
        .a_stride = 0,
        .a_step = 1,
        .b = b,
        .b_stride = 0,
        .b_step = 1,
        .y = y,
        .y_stride = 0,
        .rows = 1,
        .columns = count,
        .clip = false,
        .lo = 0,
        .hi = 0});
  }
  static void apply(kernels::UnaryFn fn, const float* x, float* y, std::int64_t count) {
    fn({.x = x, .x_stride = 0, .y = y, .y_stride = 0, .rows = 1, .columns = count, .activation = {}});
  }

  QgemmPlan plan_;
  Sizes s_;
  Places places_;
  const kernels::QtileKernels& kernels_;
  kernels::UnaryFn sigmoid_, tanh_;
  kernels::BinaryFn add_, mul_;
};

// The scales and zero points of one direction's columns.
struct Columns {
  std::vector<float> scales;
  std::vector<std::int32_t> zeros;
};

std::optional<Columns> columns_of(const Lowering& lowering, const Node& node, std::size_t input, std::int64_t d,
                                  std::int64_t count, std::int64_t directions) {
  const auto scales = constant_numbers(lowering, node, input, 1),
             zeros = constant_numbers(lowering, node, input + 1, 0);
  if (!scales || !zeros || scales->size() != zeros->size()) return {};
  const bool each = static_cast<std::int64_t>(scales->size()) == directions * count;
  if (!each && static_cast<std::int64_t>(scales->size()) != directions) return {};
  Columns columns;
  for (std::int64_t j = 0; j < count; ++j) {
    const auto at = static_cast<std::size_t>(each ? d * count + j : d);
    columns.scales.push_back(static_cast<float>((*scales)[at]));
    columns.zeros.push_back(static_cast<std::int32_t>((*zeros)[at]));
  }
  return columns;
}

bool given(const Node& node, std::size_t i) { return i < node.inputs.size() && node.inputs[i].valid(); }
bool wanted(const Node& node, std::size_t i) { return i < node.outputs.size() && node.outputs[i].valid(); }

// Why the kernel cannot, or nothing.
Declined check(const Lowering& lowering, const Node& node, const RecurrentAttributes& a) {
  if (a.clip || a.input_forget || a.batch_first) return "clip, input_forget or layout";
  for (std::size_t i = 0; i < a.activations.size(); ++i) {
    if (a.activations[i].name != (i % 3 == 0 ? "Sigmoid" : "Tanh")) return "other activations than the default ones";
  }
  if (given(node, 4) || given(node, 7)) return "sequence lengths or peepholes";
  for (const std::size_t i : {1, 2, 3}) {
    if (given(node, i) && lowering.constant(node.inputs[i]) == nullptr) return "weights that are computed in the run";
  }
  return {};
}

class Builder {
 public:
  Builder(Lowering& lowering, NodeId id, Sizes sizes)
      : lowering_(lowering), node_(lowering.graph().node(id)), id_(id), s_(sizes) {}

  // Empty where all was added. Nothing is added before all is known to fit.
  Declined build(const RecurrentAttributes& a) {
    const std::int64_t columns = 4 * s_.hidden;
    std::vector<Columns> w, r;
    for (std::int64_t d = 0; d < s_.directions; ++d) {
      const auto of_w = columns_of(lowering_, node_, 8, d, columns, s_.directions),
                 of_r = columns_of(lowering_, node_, 10, d, columns, s_.directions);
      if (!of_w || !of_r) return "scales that are computed in the run";
      w.push_back(*of_w);
      r.push_back(*of_r);
    }
    const auto product = select(1, s_.steps * s_.batch, s_.input, lowering_.threads()),
               state = select(2, 1, s_.hidden, 1);
    for (const auto* selection : {&product, &state}) {
      if (const auto* reason = std::get_if<std::string>(selection)) return *reason;
    }
    const Place x = lowering_.read(node_.inputs[0], Layout::kRowMajor);
    const DynamicPlaces q{.q = lowering_.temporary(DType::kUInt8, x.dims),
                          .scale = lowering_.temporary(DType::kFloat32, {}),
                          .zero = lowering_.temporary(DType::kUInt8, {})};
    add_dynamic_quantize(lowering_, x, q, {id_});
    Places places;
    for (std::int64_t d = 0; d < s_.directions; ++d) {
      const auto k = static_cast<std::size_t>(d);
      Direction direction{.input_part = lowering_.temporary(DType::kFloat32, {s_.steps * s_.batch, columns})};
      direction.reversed = a.reversed(d);
      add_input_product(std::get<QgemmPlan>(product), q, w[k], d, direction.input_part);
      direction.packed = pack(std::get<QgemmPlan>(state), 2, s_.hidden, r[k], d);
      direction.scale = constant_array(lowering_, r[k].scales);
      places.directions.push_back(direction);
    }
    add_recurrence(std::get<QgemmPlan>(state), std::move(places));
    return {};
  }

 private:
  kernels::QgemmSelection select(std::size_t weights, std::int64_t m, std::int64_t k, int threads) const {
    kernels::QgemmParams p{.m = m, .n = 4 * s_.hidden, .k = k};
    p.b_signed = lowering_.dtype(node_.inputs[weights]) == DType::kInt8;
    p.output = kernels::QgemmOutput::kFloat;
    p.threads = threads;
    return kernels::select_qgemm(p, lowering_.options().isa);
  }

  const void* pack(const QgemmPlan& plan, std::size_t weights, std::int64_t rows, const Columns& columns,
                   std::int64_t d) {
    BufferId buffer;
    std::byte* memory = lowering_.constant_memory(plan.packed_bytes, buffer);
    plan.pack(lowering_.constant(node_.inputs[weights])->bytes() + d * rows * 4 * s_.hidden, columns.zeros, memory);
    return memory;
  }

  // x W + both biases.
  void add_input_product(const QgemmPlan& plan, const DynamicPlaces& q, const Columns& w, std::int64_t d,
                         const Place& to) {
    QgemmPlaces places;
    places.a = q.q;
    places.c = to;
    places.packed = pack(plan, 1, s_.input, w, d);
    places.a_zero.place = q.zero;
    places.factor.place = q.scale;
    places.scale = constant_array(lowering_, w.scales);
    if (given(node_, 3)) {
      const std::int64_t columns = 4 * s_.hidden;
      const std::span<const float> b = lowering_.constant(node_.inputs[3])->data<float>();
      std::vector<float> bias(static_cast<std::size_t>(columns));
      for (std::int64_t j = 0; j < columns; ++j) {
        const auto at = static_cast<std::size_t>(2 * d * columns + j);
        bias[static_cast<std::size_t>(j)] = b[at] + b[at + static_cast<std::size_t>(columns)];
      }
      places.float_bias = constant_array(lowering_, bias);
    }
    add_qgemm(lowering_, plan, std::move(places), {.nodes = {id_}});
  }

  void add_recurrence(const QgemmPlan& plan, Places places) {
    Lowering::Draft draft{.nodes = {id_}, .kernel = "lstm." + std::string(plan.name)};
    for (const Direction& direction : places.directions) draft.reads.push_back(direction.input_part);
    if (given(node_, 5)) draft.reads.push_back(places.h.emplace(lowering_.read(node_.inputs[5], Layout::kRowMajor)));
    if (given(node_, 6)) draft.reads.push_back(places.c.emplace(lowering_.read(node_.inputs[6], Layout::kRowMajor)));
    std::optional<Place>* const outputs[] = {&places.y, &places.y_h, &places.y_c};
    for (std::size_t i = 0; i < 3; ++i) {
      if (wanted(node_, i))
        draft.writes.push_back(outputs[i]->emplace(lowering_.define(node_.outputs[i], Layout::kRowMajor)));
    }
    draft.units = s_.directions * s_.batch;
    draft.scratch_bytes = QlstmStep::scratch_bytes(plan, s_.hidden);
    draft.flops = plan.params.flops() * static_cast<double>(s_.steps * draft.units);
    draft.speed = 0.5;  // bound by the memory of R
    lowering_.add(std::make_unique<QlstmStep>(plan, s_, std::move(places), lowering_.options().isa), std::move(draft));
  }

  Lowering& lowering_;
  const Node& node_;
  NodeId id_;
  Sizes s_;
};

}  // namespace

Declined lower_dynamic_quantize_lstm(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Result<RecurrentAttributes> attributes = RecurrentAttributes::parse(node, {"Sigmoid", "Tanh", "Tanh"});
  if (!attributes) return attributes.error().message();
  if (Declined reason = check(lowering, node, *attributes); !reason.empty()) return reason;
  const Dims x = *lowering.dims(node.inputs[0]), w = *lowering.dims(node.inputs[1]), r = *lowering.dims(node.inputs[2]);
  if (x.size() != 3 || w.size() != 3 || r.size() != 3 || r[2] != 4 * r[1] || w[1] != x[2] || w[2] != r[2] ||
      w[0] != attributes->directions || r[0] != w[0] || x[2] == 0 || r[1] == 0)
    return "weights that do not fit the input";
  return Builder(lowering, id, {x[0], x[1], x[2], r[1], attributes->directions}).build(*attributes);
}

}  // namespace cycloid
