#include "plan/lowering/picks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "base/error.h"
#include "kernels/pick/pick.h"
#include "ops/op.h"
#include "plan/lowering/body.h"
#include "plan/lowering/fallible.h"

namespace cycloid {
namespace {

using kernels::ZeroTest;

std::optional<ZeroTest> zero_test(DType dtype) {
  switch (dtype) {
    case DType::kBool:
    case DType::kInt8:
    case DType::kUInt8: return ZeroTest::kBits8;
    case DType::kInt16:
    case DType::kUInt16: return ZeroTest::kBits16;
    case DType::kInt32:
    case DType::kUInt32: return ZeroTest::kBits32;
    case DType::kInt64:
    case DType::kUInt64: return ZeroTest::kBits64;
    case DType::kFloat16:
    case DType::kBFloat16: return ZeroTest::kFloat16;
    case DType::kFloat32: return ZeroTest::kFloat32;
    case DType::kFloat64: return ZeroTest::kFloat64;
    default: return {};
  }
}

// One unit of work that may fail and takes memory for its results: body(context) gives a status.
template <class Body>
class PickStep final : public Step {
 public:
  PickStep(std::string where, Body body) : where_(std::move(where)), body_(std::move(body)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    run_fallible(context, begin, end, where_, [&] { return body_(context); });
  }

 private:
  std::string where_;
  Body body_;
};

template <class Body>
void add_pick(Lowering& lowering, NodeId id, std::string kernel, Lowering::Draft draft, double cost_ns, Body body) {
  draft.nodes = {id};
  draft.kernel = std::move(kernel);
  draft.cost_ns = cost_ns;
  std::string where = describe(lowering.graph(), lowering.graph().node(id));
  lowering.add(std::make_unique<PickStep<Body>>(std::move(where), std::move(body)), std::move(draft));
}

// Whether the inputs are there, and not empty; `optional` ones from `required` on.
bool has_inputs(const Lowering& lowering, const Node& node, std::size_t required) {
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    if (!node.inputs[i].valid() && i >= required) continue;
    if (!lowering.has_elements(node.inputs[i])) return false;
  }
  return node.inputs.size() >= required;
}

constexpr std::string_view kNoInputs = "an input that is empty, or whose shape depends on data";

// Gives a result its place: a tensor of what was found, or the memory that a known shape has.
Status give(const StepContext& context, const Operand& operand, Tensor result) {
  if (operand.kind == Operand::Kind::kAbsent) return {};
  if (operand.kind == Operand::Kind::kSlot) {
    context.run->slots[operand.slot] = Datum(std::move(result));
    return {};
  }
  if (result.dims() != operand.place.dims || result.dtype() != operand.place.dtype)
    return invalid_model("an output of shape {} where {} was inferred", to_string(result.dims()),
                         to_string(operand.place.dims));
  std::copy_n(result.bytes(), result.byte_count(), context.at<std::byte>(operand.place));
  return {};
}

}  // namespace

Declined lower_non_zero(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const auto test = zero_test(lowering.dtype(node.inputs[0]));
  if (!has_inputs(lowering, node, 1)) return std::string(kNoInputs);
  const Dims dims = *lowering.dims(node.inputs[0]);
  if (!test || dims.empty() || dims.size() > kernels::kMaxPickRank) return "an element type or rank without a kernel";
  Lowering::Draft draft;
  const Place x = lowering.read(node.inputs[0], Layout::kRowMajor);
  draft.reads = {x};
  const Operand y = write_operand(lowering, node.outputs[0], draft);
  const auto cost = 2 * static_cast<double>(x.count());
  add_pick(lowering, id, "pick.non_zero", std::move(draft), cost, [=](const StepContext& context) -> Status {
    const void* data = context.at<const void>(x);
    const std::int64_t count = kernels::count_non_zeros(*test, data, x.count());
    CYCLOID_ASSIGN(Tensor result, Tensor::empty(DType::kInt64, {static_cast<std::int64_t>(x.dims.size()), count}));
    kernels::find_non_zeros(*test, data, x.dims, count, result.mutable_data<std::int64_t>().data());
    return give(context, y, std::move(result));
  });
  return {};
}

namespace {

// Of each of `outer` blocks of `size` slices of `run` bytes, the slices whose flag is set.
struct Compression {
  std::int64_t outer = 1, size = 1, run = 1, flags = 0;
  std::int64_t element_bytes = 0;  // of slices of one element that a kernel takes; 0: others

  Result<std::int64_t> count(const std::uint8_t* given) const {
    for (std::int64_t i = size; i < flags; ++i) {
      if (given[i] != 0) return invalid_argument("condition selects element {} of an axis of size {}", i, size);
    }
    return kernels::count_non_zeros(ZeroTest::kBits8, given, std::min(flags, size));
  }

  void run_all(const std::byte* x, const std::uint8_t* given, std::byte* y) const {
    const std::int64_t n = std::min(flags, size);
    if (outer == 1 && element_bytes != 0) return kernels::pick_elements(element_bytes, x, given, n, y);
    for (std::int64_t i = 0; i < outer; ++i) y = kernels::pick_runs(run, x + i * size * run, given, n, y);
  }
};

}  // namespace

Declined lower_compress(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const bool flat = !has_attribute(node, "axis");
  const Result<std::int64_t> given = get_int(node, "axis", 0);
  if (!has_inputs(lowering, node, 2)) return std::string(kNoInputs);
  Dims dims = *lowering.dims(node.inputs[0]);
  const DType dtype = lowering.dtype(node.inputs[0]);
  if (flat) dims = {*element_count(dims)};
  const auto rank = static_cast<std::int64_t>(dims.size());
  if (!given || *given < -rank || *given >= rank || size_of(dtype) == 0) return "an axis beyond the rank";
  const auto axis = static_cast<std::size_t>(*given < 0 ? *given + rank : *given);
  Compression form{.size = dims[axis], .run = static_cast<std::int64_t>(size_of(dtype))};
  for (std::size_t i = 0; i < axis; ++i) form.outer *= dims[i];
  for (std::size_t i = axis + 1; i < dims.size(); ++i) form.run *= dims[i];
  if (std::has_single_bit(static_cast<std::uint64_t>(form.run)) && form.run <= 8) form.element_bytes = form.run;
  Lowering::Draft draft;
  const Place x = lowering.read(node.inputs[0], Layout::kRowMajor),
              condition = lowering.read(node.inputs[1], Layout::kRowMajor);
  form.flags = condition.count();
  draft.reads = {x, condition};
  const Operand y = write_operand(lowering, node.outputs[0], draft);
  const auto cost = 0.1 * static_cast<double>(x.bytes()) + static_cast<double>(form.flags);
  add_pick(lowering, id, "pick.compress", std::move(draft), cost, [=](const StepContext& context) -> Status {
    const auto* flags = context.at<const std::uint8_t>(condition);
    Dims result_dims = dims;
    CYCLOID_ASSIGN(result_dims[axis], form.count(flags));
    CYCLOID_ASSIGN(Tensor result, Tensor::empty(dtype, std::move(result_dims)));
    if (result.byte_count() > 0) form.run_all(context.at<const std::byte>(x), flags, result.mutable_bytes());
    return give(context, y, std::move(result));
  });
  return {};
}

namespace {

// What an element is sorted by. NaNs are equal to one another and behind all numbers; -0 is 0.
template <class T>
std::int64_t key_of(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    using Bits = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
    if (std::isnan(x)) return INT64_MAX;
    const Bits bits = std::bit_cast<Bits>(x + T(0));
    return bits >= 0 ? bits : std::numeric_limits<Bits>::min() - bits;
  } else {
    return static_cast<std::int64_t>(x);
  }
}

struct Keyed {
  std::int64_t key, at;
};

// Unique of all elements: results of `T`, and of where each comes first, which one each element is, and how many.
struct UniqueForm {
  Place x;
  bool sorted = true;
  Operand values, firsts, inverse, counts;

  template <class T>
  Status run(const StepContext& context) const {
    const T* data = context.at<const T>(x);
    const std::int64_t n = x.count();
    CYCLOID_ASSIGN(Tensor memory, Tensor::empty(DType::kInt64, {2 * n}));
    auto* const keyed = reinterpret_cast<Keyed*>(memory.mutable_bytes());
    for (std::int64_t i = 0; i < n; ++i) keyed[i] = {key_of(data[i]), i};
    std::sort(keyed, keyed + n,
              [](const Keyed& a, const Keyed& b) { return a.key < b.key || (a.key == b.key && a.at < b.at); });
    std::int64_t count = 0;
    for (std::int64_t i = 0; i < n; ++i) count += i == 0 || keyed[i].key != keyed[i - 1].key ? 1 : 0;
    CYCLOID_ASSIGN(Tensor first_of, Tensor::empty(DType::kInt64, {count}));
    CYCLOID_ASSIGN(Tensor count_of, Tensor::zeros(DType::kInt64, {count}));
    CYCLOID_ASSIGN(Tensor group_of, Tensor::empty(DType::kInt64, {n}));
    const std::span<std::int64_t> first = first_of.mutable_data<std::int64_t>(),
                                  many = count_of.mutable_data<std::int64_t>(),
                                  group = group_of.mutable_data<std::int64_t>();
    std::size_t g = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      if (i == 0 || keyed[i].key != keyed[i - 1].key) first[i == 0 ? g : ++g] = keyed[i].at;
      group[static_cast<std::size_t>(keyed[i].at)] = static_cast<std::int64_t>(g);
      ++many[g];
    }
    if (!sorted) CYCLOID_TRY(by_first_place(first, many, group));
    CYCLOID_ASSIGN(Tensor y, Tensor::empty(x.dtype, {count}));
    for (std::int64_t i = 0; i < count; ++i)
      reinterpret_cast<T*>(y.mutable_bytes())[i] = data[first[static_cast<std::size_t>(i)]];
    CYCLOID_TRY(give(context, values, std::move(y)));
    CYCLOID_TRY(give(context, firsts, std::move(first_of)));
    CYCLOID_TRY(give(context, inverse, std::move(group_of)));
    return give(context, counts, std::move(count_of));
  }

 private:
  // The groups in the order in which they come first.
  static Status by_first_place(std::span<std::int64_t> first, std::span<std::int64_t> many,
                               std::span<std::int64_t> group) {
    const auto count = static_cast<std::int64_t>(first.size());
    CYCLOID_ASSIGN(Tensor memory, Tensor::empty(DType::kInt64, {3 * count}));
    const std::span<std::int64_t> all = memory.mutable_data<std::int64_t>();
    const auto order = all.first(first.size()), place = all.subspan(first.size(), first.size()),
               old = all.last(first.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, {}, [&](std::int64_t g) { return first[static_cast<std::size_t>(g)]; });
    std::ranges::copy(many, old.begin());
    for (std::size_t i = 0; i < order.size(); ++i) {
      place[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
      many[i] = old[static_cast<std::size_t>(order[i])];
    }
    std::ranges::sort(first);
    for (std::int64_t& g : group) g = place[static_cast<std::size_t>(g)];
    return {};
  }
};

}  // namespace

Declined lower_unique(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Result<std::int64_t> sorted = get_int(node, "sorted", 1), axis = get_int(node, "axis", 0);
  if (!has_inputs(lowering, node, 1) || !sorted || !axis) return std::string(kNoInputs);
  const bool slices = has_attribute(node, "axis") && lowering.dims(node.inputs[0])->size() != 1;
  if (slices || *axis < -1 || *axis > 0) return "slices of an axis";
  Lowering::Draft draft;
  UniqueForm form{.x = {}, .sorted = *sorted != 0, .values = {}, .firsts = {}, .inverse = {}, .counts = {}};
  const DType dtype = lowering.dtype(node.inputs[0]);
  const bool has_kernel =
      dispatch<float, double, std::int8_t, std::uint8_t, std::int32_t, std::int64_t, bool>(dtype, [&]<class T>(T) {});
  if (!has_kernel) return fmt::format("no kernel for {}", to_string(dtype));
  form.x = lowering.read(node.inputs[0], Layout::kRowMajor);
  draft.reads = {form.x};
  Operand* const operands[] = {&form.values, &form.firsts, &form.inverse, &form.counts};
  for (std::size_t i = 0; i < node.outputs.size(); ++i) *operands[i] = write_operand(lowering, node.outputs[i], draft);
  const auto n = static_cast<double>(form.x.count());
  add_pick(lowering, id, "pick.unique", std::move(draft), 4 * n * std::log2(n + 1),
           [=](const StepContext& context) -> Status {
             Status status;
             dispatch<float, double, std::int8_t, std::uint8_t, std::int32_t, std::int64_t, bool>(
                 form.x.dtype, [&]<class T>(T) { status = form.run<T>(context); });
             return status;
           });
  return {};
}

namespace {

// Boxes of [batches][boxes][4] by scores of [batches][classes][boxes]. A unit is a class of a batch element; what it keeps lies
// in `kept`, their numbers in `counts`.
class SuppressStep final : public Step {
 public:
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    if (begin == end || context.run->failed.load(std::memory_order_acquire)) return;
    const BoundsScope scope(context.run->bounds);
    kernels::SuppressParams params;
    if (Status status = read(context, params); !status) return context.run->fail(status.error().in(where));
    const std::int64_t n = boxes.dims[1], classes = scores.dims[1];
    for (std::int64_t i = begin; i < end; ++i) {
      context.at<std::int64_t>(counts)[i] = kernels::suppress(
          params, context.at<const float>(boxes) + i / classes * n * 4, context.at<const float>(scores) + i * n, n,
          context.scratch, context.at<std::int64_t>(kept) + i * kept.dims[1]);
      if (Status status = check_stop(); !status) return context.run->fail(status.error().in(where));
    }
  }

  std::string where;
  Place boxes, scores, kept, counts;
  std::optional<Place> most, overlap, score;
  bool by_center = false;

 private:
  Status read(const StepContext& context, kernels::SuppressParams& params) const {
    params.by_center = by_center;
    if (most) params.most = std::max<std::int64_t>(0, *context.at<const std::int64_t>(*most));
    if (overlap) params.overlap = *context.at<const float>(*overlap);
    if (!(params.overlap >= 0 && params.overlap <= 1))
      return invalid_argument("iou_threshold must lie in [0, 1], but is {}", params.overlap);
    params.has_score = score.has_value();
    if (score) params.score = *context.at<const float>(*score);
    params.stopping = stopping;
    return {};
  }
};

// An optional input of one element; false where it has another form.
bool read_one(Lowering& lowering, const Node& node, std::size_t i, Lowering::Draft& draft,
              std::optional<Place>& place) {
  if (i >= node.inputs.size() || !node.inputs[i].valid()) return true;
  if (lowering.dims(node.inputs[i]) == nullptr || element_count(*lowering.dims(node.inputs[i])) != 1) return false;
  place = lowering.read(node.inputs[i], Layout::kRowMajor);
  draft.reads.push_back(*place);
  return true;
}

}  // namespace

Declined lower_non_max_suppression(Lowering& lowering, NodeId id) {
  constexpr std::int64_t kMostBoxes = std::int64_t{1} << 24;
  const Node& node = lowering.graph().node(id);
  const Result<std::int64_t> center = get_int(node, "center_point_box", 0);
  if (!has_inputs(lowering, node, 2) || !center) return std::string(kNoInputs);
  for (std::size_t i = 2; i < node.inputs.size(); ++i) {
    if (node.inputs[i].valid() && element_count(*lowering.dims(node.inputs[i])) != 1) return "a bound of many elements";
  }
  const Dims box_dims = *lowering.dims(node.inputs[0]), score_dims = *lowering.dims(node.inputs[1]);
  const std::int64_t n = box_dims.size() == 3 ? box_dims[1] : 0;
  if (n == 0 || n > kMostBoxes || box_dims[2] != 4 || score_dims != Dims{box_dims[0], score_dims[1], n})
    return "boxes and scores of another form";
  auto step = std::make_unique<SuppressStep>();
  Lowering::Draft draft{.nodes = {id}, .kernel = "pick.suppress"};
  step->where = describe(lowering.graph(), node);
  step->by_center = *center != 0;
  step->boxes = lowering.read(node.inputs[0], Layout::kRowMajor);
  step->scores = lowering.read(node.inputs[1], Layout::kRowMajor);
  draft.reads = {step->boxes, step->scores};
  if (!read_one(lowering, node, 2, draft, step->most) || !read_one(lowering, node, 3, draft, step->overlap) ||
      !read_one(lowering, node, 4, draft, step->score))
    return "a bound of many elements";
  const Tensor* most = node.inputs.size() > 2 ? lowering.constant(node.inputs[2]) : nullptr;
  const std::int64_t bound = most == nullptr ? n : std::clamp<std::int64_t>(to_int64s(*most)[0], 0, n);
  const std::int64_t classes = score_dims[0] * score_dims[1];
  step->kept = lowering.temporary(DType::kInt64, {classes, std::max<std::int64_t>(bound, 1)});
  step->counts = lowering.temporary(DType::kInt64, {classes});
  const Place kept = step->kept, counts = step->counts;
  draft.writes = {kept, counts};
  draft.units = classes;
  draft.scratch_bytes = kernels::SuppressParams::scratch_bytes(n, n);
  draft.cost_ns = static_cast<double>(classes * n) * 5;
  lowering.add(std::move(step), std::move(draft));

  Lowering::Draft gather{.reads = {kept, counts}};
  const Operand y = write_operand(lowering, node.outputs[0], gather);
  const std::int64_t of_batch = score_dims[1];
  add_pick(lowering, id, "pick.suppress", std::move(gather), 1000, [=](const StepContext& context) -> Status {
    const auto* const count = context.at<const std::int64_t>(counts);
    const auto* from = context.at<const std::int64_t>(kept);
    const std::int64_t rows = std::accumulate(count, count + counts.dims[0], std::int64_t{0});
    CYCLOID_ASSIGN(Tensor result, Tensor::empty(DType::kInt64, {rows, 3}));
    auto* to = reinterpret_cast<std::int64_t*>(result.mutable_bytes());
    for (std::int64_t i = 0; i < counts.dims[0]; ++i, from += kept.dims[1]) {
      for (std::int64_t k = 0; k < count[i]; ++k, to += 3) {
        to[0] = i / of_batch;
        to[1] = i % of_batch;
        to[2] = from[k];
      }
    }
    return give(context, y, std::move(result));
  });
  return {};
}

}  // namespace cycloid
