// com.microsoft.DynamicQuantizeLSTM: the products of all inputs with W at once, then step by step those of the state, which is
// quantised anew each time, with R.
#include <algorithm>

#include "base/aligned.h"
#include "base/helpers.h"
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

// Some hidden units [begin, end) of one direction: their gates i, o, f, c, each of so many columns, are a product of their own.
struct Slice {
  std::int64_t begin = 0, end = 0;
  std::size_t plan = 0;
  const void* packed = nullptr;
  const float* scale = nullptr;

  std::int64_t count() const { return end - begin; }
};

// What one direction needs in the run.
struct Direction {
  Place input_part;  // [steps * batch][4 * hidden]
  std::vector<Slice> slices;
  bool reversed = false;
};

struct Places {
  std::vector<Direction> directions;
  std::optional<Place> h, c, y, y_h, y_c;
};

// A sequence is one element of the batch in one direction. It is a unit of work; or, where there are more threads than
// sequences, all of them are one, and threads share the slices of a time step and meet after it.
class QlstmStep final : public Step {
 public:
  QlstmStep(std::vector<QgemmPlan> plans, Sizes sizes, Places places, Isa isa)
      : plans_(std::move(plans)),
        s_(sizes),
        places_(std::move(places)),
        kernels_(kernels::qtile_kernels(isa)),
        sigmoid_(kernels::activation_kernel(kernels::ActivationKind::kSigmoid, isa)),
        tanh_(kernels::activation_kernel(kernels::ActivationKind::kTanh, isa)),
        add_(kernels::binary_kernel(kernels::BinaryKind::kAdd, isa)),
        mul_(kernels::binary_kernel(kernels::BinaryKind::kMul, isa)) {
    for (const QgemmPlan& plan : plans_) product_bytes_ = std::max(product_bytes_, align_up(plan.scratch_bytes));
  }

  std::int64_t sequences() const { return s_.directions * s_.batch; }
  std::int64_t units() const { return slices() == 1 ? sequences() : 1; }
  std::size_t scratch_bytes() const {
    const std::int64_t together = slices() == 1 ? 1 : sequences();
    return static_cast<std::size_t>(together) * (state_bytes() + static_cast<std::size_t>(slices()) * slice_bytes());
  }

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    if (slices() > 1) return run_sequences(context, 0, sequences());
    for (std::int64_t unit = begin; unit < end; ++unit) run_sequences(context, unit, 1);
  }

 private:
  // A sequence's part of the scratch: the states of even and of odd steps, and the cells.
  struct State {
    float* h[2];
    float* c;
  };

  std::int64_t slices() const { return static_cast<std::int64_t>(places_.directions.front().slices.size()); }
  std::size_t row_bytes() const { return align_up(static_cast<std::size_t>(s_.hidden) * sizeof(float)); }
  std::size_t state_bytes() const { return 3 * row_bytes(); }
  std::size_t slice_bytes() const {
    return product_bytes_ + align_up(static_cast<std::size_t>(s_.hidden)) + 5 * row_bytes();
  }

  State state_of(std::byte* scratch, std::int64_t i) const {
    std::byte* at = scratch + static_cast<std::size_t>(i) * state_bytes();
    const auto row = [&](std::size_t r) { return reinterpret_cast<float*>(at + r * row_bytes()); };
    return {{row(0), row(1)}, row(2)};
  }

  void run_sequences(const StepContext& context, std::int64_t first, std::int64_t count) const {
    for (std::int64_t i = 0; i < count; ++i) {
      const State state = state_of(context.scratch, i);
      begin(context, places_.h, first + i, state.h[0]);
      begin(context, places_.c, first + i, state.c);
    }
    std::byte* const of_slices = context.scratch + static_cast<std::size_t>(count) * state_bytes();
    share_rounds(s_.steps, static_cast<int>(count * slices()), [&](std::int64_t step, int part) {
      const std::int64_t i = part / slices();
      run_slice(context, first + i, static_cast<std::size_t>(part % slices()), step, state_of(context.scratch, i),
                of_slices + static_cast<std::size_t>(part) * slice_bytes());
    });
    for (std::int64_t i = 0; i < count; ++i) {
      const State state = state_of(context.scratch, i);
      end(context, state.h[s_.steps % 2], first + i, places_.y_h);
      end(context, state.c, first + i, places_.y_c);
    }
  }

  void begin(const StepContext& context, const std::optional<Place>& place, std::int64_t sequence, float* to) const {
    if (place) {
      std::copy_n(context.at<const float>(*place) + sequence * s_.hidden, s_.hidden, to);
    } else {
      std::fill_n(to, s_.hidden, 0.0f);
    }
  }
  void end(const StepContext& context, const float* from, std::int64_t sequence,
           const std::optional<Place>& place) const {
    if (place) std::copy_n(from, s_.hidden, context.at<float>(*place) + sequence * s_.hidden);
  }

  void run_slice(const StepContext& context, std::int64_t sequence, std::size_t which, std::int64_t step,
                 const State& state, std::byte* scratch) const {
    const std::int64_t d = sequence / s_.batch, b = sequence % s_.batch;
    const Direction& direction = places_.directions[static_cast<std::size_t>(d)];
    const Slice& slice = direction.slices[which];
    const std::int64_t t = direction.reversed ? s_.steps - 1 - step : step, n = slice.count();
    auto* gates = reinterpret_cast<float*>(scratch + product_bytes_);  // i, o, f, c
    float* part = gates + 4 * n;
    float* c = state.c + slice.begin;
    float* h = state.h[(step + 1) % 2] + slice.begin;
    auto* q = reinterpret_cast<std::uint8_t*>(scratch + product_bytes_ + 5 * row_bytes());
    multiply(slice, state.h[step % 2], q, gates, scratch);
    const float* input = context.at<const float>(direction.input_part) + (t * s_.batch + b) * 4 * s_.hidden;
    for (std::int64_t gate = 0; gate < 4; ++gate)
      combine(add_, gates + gate * n, input + gate * s_.hidden + slice.begin, gates + gate * n, n);
    apply(sigmoid_, gates, gates, 3 * n);
    apply(tanh_, gates + 3 * n, gates + 3 * n, n);
    combine(mul_, gates + 2 * n, c, c, n);
    combine(mul_, gates, gates + 3 * n, part, n);
    combine(add_, c, part, c, n);
    apply(tanh_, c, part, n);
    combine(mul_, gates + n, part, h, n);
    if (places_.y) {
      std::copy_n(h, n,
                  context.at<float>(*places_.y) + ((t * s_.directions + d) * s_.batch + b) * s_.hidden + slice.begin);
    }
  }

  // gates = quantised(h) * R
  void multiply(const Slice& slice, const float* h, std::uint8_t* q, float* gates, std::byte* scratch) const {
    const DynamicScale scale = dynamic_scale(kernels_, h, s_.hidden);
    kernels_.quantize(
        {.x = h, .count = s_.hidden, .scale = scale.scale, .zero = scale.zero, .lo = 0, .hi = 255, .y = q});
    const QgemmPlan& plan = plans_[slice.plan];
    plan.run({.a = q,
              .packed = slice.packed,
              .a_zero = scale.zero,
              .scale = slice.scale,
              .factor = scale.scale,
              .c = gates,
              .scratch = scratch},
             0, plan.units);
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

  std::vector<QgemmPlan> plans_;
  Sizes s_;
  Places places_;
  const kernels::QtileKernels& kernels_;
  kernels::UnaryFn sigmoid_, tanh_;
  kernels::BinaryFn add_, mul_;
  std::size_t product_bytes_ = 0;
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
    const auto product = select(1, s_.steps * s_.batch, columns, s_.input, lowering_.threads());
    if (const auto* reason = std::get_if<std::string>(&product)) return *reason;
    if (Declined reason = plan_slices(); !reason.empty()) return reason;
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
      for (const Slice& slice : slices_) direction.slices.push_back(pack_slice(slice, r[k], d));
      places.directions.push_back(std::move(direction));
    }
    add_recurrence(std::move(places));
    return {};
  }

 private:
  // As many slices as give each thread one, but none of so few weights that they are read in less time than threads need to
  // meet; cut between vectors.
  Declined plan_slices() {
    constexpr std::int64_t kLeastBytes = 64 << 10, kUnits = 16;
    const std::int64_t sequences = std::max<std::int64_t>(1, s_.directions * s_.batch),
                       blocks = (s_.hidden + kUnits - 1) / kUnits;
    const std::int64_t threads = std::min(lowering_.threads(), kMostRoundParts);
    const std::int64_t count =
        std::max<std::int64_t>(1, std::min({threads / sequences, 4 * s_.hidden * s_.hidden / kLeastBytes, blocks}));
    for (std::int64_t i = 0; i < count; ++i) {
      Slice slice{.begin = i * blocks / count * kUnits, .end = std::min(s_.hidden, (i + 1) * blocks / count * kUnits)};
      while (slice.plan < plans_.size() && plans_[slice.plan].params.n != 4 * slice.count()) ++slice.plan;
      if (slice.plan == plans_.size()) {
        auto selection = select(2, 1, 4 * slice.count(), s_.hidden, 1);
        if (const auto* reason = std::get_if<std::string>(&selection)) return *reason;
        plans_.push_back(std::get<QgemmPlan>(std::move(selection)));
      }
      slices_.push_back(slice);
    }
    return {};
  }

  kernels::QgemmSelection select(std::size_t weights, std::int64_t m, std::int64_t n, std::int64_t k,
                                 int threads) const {
    kernels::QgemmParams p{.m = m, .n = n, .k = k};
    p.b_signed = lowering_.dtype(node_.inputs[weights]) == DType::kInt8;
    p.output = kernels::QgemmOutput::kFloat;
    p.threads = threads;
    return kernels::select_qgemm(p, lowering_.options().isa);
  }

  const void* pack(const QgemmPlan& plan, const std::byte* weights, const Columns& columns) {
    BufferId buffer;
    std::byte* memory = lowering_.constant_memory(plan.packed_bytes, buffer);
    plan.pack(weights, columns.zeros, memory);
    return memory;
  }
  // Of a direction, [rows][4 * hidden].
  const std::byte* weights(std::size_t input, std::int64_t rows, std::int64_t d) const {
    return lowering_.constant(node_.inputs[input])->bytes() + d * rows * 4 * s_.hidden;
  }

  // The slice with its columns of R, gate by gate.
  Slice pack_slice(Slice slice, const Columns& r, std::int64_t d) {
    const std::byte* from = weights(2, s_.hidden, d);
    std::vector<std::byte> part;
    for (std::int64_t row = 0; row < s_.hidden; ++row) {
      for (std::int64_t gate = 0; gate < 4; ++gate) {
        const std::byte* begin = from + (4 * row + gate) * s_.hidden;
        part.insert(part.end(), begin + slice.begin, begin + slice.end);
      }
    }
    Columns columns;
    for (std::int64_t gate = 0; gate < 4; ++gate) {
      const std::int64_t begin = gate * s_.hidden + slice.begin, end = begin + slice.count();
      columns.scales.insert(columns.scales.end(), r.scales.begin() + begin, r.scales.begin() + end);
      columns.zeros.insert(columns.zeros.end(), r.zeros.begin() + begin, r.zeros.begin() + end);
    }
    slice.packed = pack(plans_[slice.plan], part.data(), columns);
    slice.scale = constant_array(lowering_, columns.scales);
    return slice;
  }

  // x W + both biases.
  void add_input_product(const QgemmPlan& plan, const DynamicPlaces& q, const Columns& w, std::int64_t d,
                         const Place& to) {
    QgemmPlaces places;
    places.a = q.q;
    places.c = to;
    places.packed = pack(plan, weights(1, s_.input, d), w);
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

  void add_recurrence(Places places) {
    Lowering::Draft draft{.nodes = {id_}, .kernel = "lstm." + std::string(plans_.front().name)};
    for (const Direction& direction : places.directions) draft.reads.push_back(direction.input_part);
    if (given(node_, 5)) draft.reads.push_back(places.h.emplace(lowering_.read(node_.inputs[5], Layout::kRowMajor)));
    if (given(node_, 6)) draft.reads.push_back(places.c.emplace(lowering_.read(node_.inputs[6], Layout::kRowMajor)));
    std::optional<Place>* const outputs[] = {&places.y, &places.y_h, &places.y_c};
    for (std::size_t i = 0; i < 3; ++i) {
      if (wanted(node_, i))
        draft.writes.push_back(outputs[i]->emplace(lowering_.define(node_.outputs[i], Layout::kRowMajor)));
    }
    auto step = std::make_unique<QlstmStep>(std::move(plans_), s_, std::move(places), lowering_.options().isa);
    draft.units = step->units();
    draft.scratch_bytes = step->scratch_bytes();
    draft.flops = 8.0 * static_cast<double>(s_.hidden * s_.hidden) * static_cast<double>(s_.steps * step->sequences());
    draft.speed = 0.5;  // bound by the memory of R
    lowering_.add(std::move(step), std::move(draft));
  }

  Lowering& lowering_;
  const Node& node_;
  NodeId id_;
  Sizes s_;
  std::vector<QgemmPlan> plans_;  // of slices, one of each size
  std::vector<Slice> slices_;     // without weights
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
