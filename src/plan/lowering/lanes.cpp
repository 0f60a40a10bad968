#include "plan/lowering/lanes.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "kernels/lanes/lanes.h"
#include "plan/lowering/fallible.h"

namespace cycloid {
namespace {

using kernels::Lanes;
using kernels::LaneType;

std::optional<LaneType> lane_type(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return LaneType::kFloat32;
    case DType::kFloat64: return LaneType::kFloat64;
    case DType::kInt32: return LaneType::kInt32;
    case DType::kInt64: return LaneType::kInt64;
    case DType::kInt8: return LaneType::kInt8;
    case DType::kUInt8: return LaneType::kUInt8;
    default: return {};
  }
}

// A step whose units are outer positions, or parts of them.
template <class Body>
class LanesStep final : public Step {
 public:
  explicit LanesStep(Body body) : body_(std::move(body)) {}
  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    body_(context, begin, end);
  }

 private:
  Body body_;
};

struct Axis {
  std::int64_t outer = 1, n = 1, inner = 1;
};

std::optional<Axis> axis_of(const Dims& dims, std::int64_t axis) {
  const auto at = static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(dims.size()) : axis);
  if (at >= dims.size() || dims[at] == 0) return {};
  Axis result{.n = dims[at]};
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (i < at) result.outer *= dims[i];
    if (i > at) result.inner *= dims[i];
  }
  return result;
}

template <class Body>
void add_lanes(Lowering& lowering, NodeId id, std::string kernel, Lowering::Draft draft, std::int64_t units,
               double ns_of_element, Body body) {
  draft.nodes = {id};
  draft.kernel = std::move(kernel);
  draft.units = units;
  draft.cost_ns = ns_of_element * static_cast<double>(draft.reads[0].count());
  lowering.add(std::make_unique<LanesStep<Body>>(std::move(body)), std::move(draft));
}

}  // namespace

Declined lower_arg(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const auto type = lane_type(lowering.dtype(node.inputs[0]));
  const Result<std::int64_t> at = get_int(node, "axis", 0), last = get_int(node, "select_last_index", 0);
  if (!at || !last || !type) return "no kernel for this type or axis";
  const auto axis = axis_of(*lowering.dims(node.inputs[0]), *at);
  if (!axis) return "no elements to choose from";
  const Place x = lowering.read(node.inputs[0], Layout::kRowMajor),
              y = lowering.define(node.outputs[0], Layout::kRowMajor);
  const kernels::ArgParams params{{*type, axis->n, axis->inner}, node.op_type == "ArgMax", *last != 0};
  add_lanes(lowering, id, "lanes.arg", {.reads = {x}, .writes = {y}}, axis->outer, 0.5,
            [=](const StepContext& context, std::int64_t begin, std::int64_t end) {
              kernels::arg_lanes(params, context.at<const void>(x), context.at<std::int64_t>(y), begin, end);
            });
  return {};
}

Declined lower_cumulative_sum(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  // Integers without a sign wrap to the same bits.
  const DType dtype = lowering.dtype(node.inputs[0]);
  const auto type = dtype == DType::kUInt32   ? LaneType::kInt32
                    : dtype == DType::kUInt64 ? LaneType::kInt64
                                              : lane_type(dtype);
  const Tensor* given = lowering.constant(node.inputs[1]);
  const Result<std::int64_t> exclusive = get_int(node, "exclusive", 0), reverse = get_int(node, "reverse", 0);
  const kernels::SumFn run = type ? kernels::cumulative_sum_kernel(*type, lowering.options().isa) : nullptr;
  if (run == nullptr || !exclusive || !reverse) return "no kernel for this type";
  if (given == nullptr || given->element_count() != 1) return "an axis that is computed in the run";
  const auto axis = axis_of(*lowering.dims(node.inputs[0]), to_int64s(*given)[0]);
  if (!axis) return "an axis beyond the rank";
  const Place x = lowering.read(node.inputs[0], Layout::kRowMajor),
              y = lowering.define(node.outputs[0], Layout::kRowMajor);
  const kernels::SumParams params{
      {*type, axis->n, axis->inner}, *exclusive != 0, *reverse != 0, node.op_type == "CumProd"};
  add_lanes(lowering, id, node.op_type == "CumProd" ? "lanes.cumulative_product" : "lanes.cumulative_sum",
            {.reads = {x}, .writes = {y}}, params.units(axis->outer), 0.5,
            [=](const StepContext& context, std::int64_t begin, std::int64_t end) {
              run(params, context.at<const void>(x), context.at<void>(y), begin, end);
            });
  return {};
}

Declined lower_hardmax(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const auto type = lane_type(lowering.dtype(node.inputs[0]));
  const Result<std::int64_t> at = get_int(node, "axis", -1);
  if (!at || (type != LaneType::kFloat32 && type != LaneType::kFloat64)) return "no kernel for this type";
  const auto axis = axis_of(*lowering.dims(node.inputs[0]), *at);
  if (!axis) return "no axis";
  const Place x = lowering.read(node.inputs[0], Layout::kRowMajor),
              y = lowering.define(node.outputs[0], Layout::kRowMajor);
  const Lanes lanes{*type, axis->n, axis->inner};
  add_lanes(lowering, id, "lanes.hardmax", {.reads = {x}, .writes = {y}}, axis->outer, 0.4,
            [=](const StepContext& context, std::int64_t begin, std::int64_t end) {
              kernels::hardmax_lanes(lanes, context.at<const void>(x), context.at<void>(y), begin, end);
            });
  return {};
}

namespace {

// With a k that the run brings the outputs go into slots: one step makes room for them, the next fills it, a lane a unit.
struct TopOfAny {
  kernels::TopParams params;
  Axis axis;
  std::size_t at;  // the axis
  Place x, k;
  std::uint32_t values, indices;
  std::string where;
};

class TopRoomStep final : public Step {
 public:
  explicit TopRoomStep(TopOfAny top) : top_(std::move(top)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    run_fallible(context, begin, end, top_.where, [&] { return compute(context); });
  }

 private:
  Status compute(const StepContext& context) const {
    const std::int64_t k = *context.at<const std::int64_t>(top_.k);
    if (k < 0 || k > top_.axis.n) return invalid_argument("{} elements of an axis of {}", k, top_.axis.n);
    Dims dims = top_.x.dims;
    dims[top_.at] = k;
    CYCLOID_ASSIGN(Tensor values, Tensor::empty(top_.x.dtype, dims));
    CYCLOID_ASSIGN(Tensor indices, Tensor::empty(DType::kInt64, dims));
    context.run->slots[top_.values] = Datum(std::move(values));
    context.run->slots[top_.indices] = Datum(std::move(indices));
    return {};
  }

  TopOfAny top_;
};

class TopOfAnyStep final : public Step {
 public:
  explicit TopOfAnyStep(TopOfAny top) : top_(std::move(top)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    run_fallible(context, begin, end, top_.where, [&] { return compute(context, begin, end); });
  }

 private:
  Status compute(const StepContext& context, std::int64_t begin, std::int64_t end) const {
    kernels::TopParams params = top_.params;
    params.k = *context.at<const std::int64_t>(top_.k);
    if (params.k == 0) return {};
    // The room is the first step's, which nobody shares; several threads fill it.
    const auto memory = [&](std::uint32_t slot) {
      return const_cast<std::byte*>(context.run->slots[slot].tensor()->bytes());
    };
    CYCLOID_ASSIGN(Tensor scratch, Tensor::empty(DType::kUInt8, {static_cast<std::int64_t>(params.scratch_bytes())}));
    kernels::top_lanes(params, context.at<const void>(top_.x), memory(top_.values),
                       reinterpret_cast<std::int64_t*>(memory(top_.indices)), scratch.mutable_bytes(), begin, end);
    return {};
  }

  TopOfAny top_;
};

// What an element costs: where many are kept, more are looked at again.
double top_ns(double k, double n) { return 0.4 + 6 * std::min(4.0, 16 * k / n); }

Declined lower_top_of_any(Lowering& lowering, NodeId id, kernels::TopParams params, Axis axis, std::size_t at) {
  const Node& node = lowering.graph().node(id);
  const Dims* k = lowering.dims(node.inputs[1]);
  if (k == nullptr || element_count(*k) != 1 || lowering.dtype(node.inputs[1]) != DType::kInt64)
    return "a number of elements that is no number";
  const TopOfAny top{params,
                     axis,
                     at,
                     lowering.read(node.inputs[0], Layout::kRowMajor),
                     lowering.read(node.inputs[1], Layout::kRowMajor),
                     lowering.slot(node.outputs[0]),
                     lowering.slot(node.outputs[1]),
                     describe(lowering.graph(), node)};
  std::vector<BufferUse> uses;
  for (const std::uint32_t slot : {top.values, top.indices})
    uses.push_back({.buffer = lowering.slot_buffer(slot), .write = true});
  lowering.add(std::make_unique<TopRoomStep>(top),
               {.nodes = {id}, .kernel = "lanes.top_room", .reads = {top.k}, .uses = uses, .cost_ns = 200});
  Lowering::Draft draft{.nodes = {id}, .kernel = "lanes.top", .reads = {top.x, top.k}, .uses = uses};
  draft.units = axis.outer * axis.inner;
  const auto n = static_cast<double>(axis.n);
  draft.cost_ns = top_ns(n / 64, n) * static_cast<double>(top.x.count());
  lowering.add(std::make_unique<TopOfAnyStep>(top), std::move(draft));
  return {};
}

}  // namespace

Declined lower_top_k(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const auto type = lane_type(lowering.dtype(node.inputs[0]));
  const Result<std::int64_t> at = get_int(node, "axis", -1), largest = get_int(node, "largest", 1);
  if (!type || !at || !largest) return "no kernel for this type";
  if (!node.outputs[0].valid() || !node.outputs[1].valid()) return "an output that is not wanted";
  if (!lowering.has_elements(node.inputs[0])) return "an input that is empty, or whose shape depends on data";
  const Dims dims = *lowering.dims(node.inputs[0]);
  const auto axis = axis_of(dims, *at);
  if (!axis) return "no elements to choose from";
  const auto place = static_cast<std::size_t>(*at < 0 ? *at + static_cast<std::int64_t>(dims.size()) : *at);
  if (lowering.dims(node.outputs[0]) == nullptr || lowering.dims(node.outputs[1]) == nullptr)
    return lower_top_of_any(lowering, id, {{*type, axis->n, axis->inner}, 0, *largest != 0}, *axis, place);
  if (lowering.constant(node.inputs[1]) == nullptr) return "a number of elements that is computed in the run";
  if (!lowering.has_elements(node.outputs[0])) return "the output has no elements";
  const Dims out = *lowering.dims(node.outputs[0]);
  const kernels::TopParams params{{*type, axis->n, axis->inner}, out[place], *largest != 0};
  const Place x = lowering.read(node.inputs[0], Layout::kRowMajor),
              values = lowering.define(node.outputs[0], Layout::kRowMajor),
              indices = lowering.define(node.outputs[1], Layout::kRowMajor);
  Lowering::Draft draft{.reads = {x}, .writes = {values, indices}, .scratch_bytes = params.scratch_bytes()};
  const double ns = top_ns(static_cast<double>(params.k), static_cast<double>(axis->n));
  add_lanes(lowering, id, "lanes.top", std::move(draft), axis->outer * axis->inner, ns,
            [=](const StepContext& context, std::int64_t begin, std::int64_t end) {
              kernels::top_lanes(params, context.at<const void>(x), context.at<void>(values),
                                 context.at<std::int64_t>(indices), context.scratch, begin, end);
            });
  return {};
}

namespace {

// Rows [begin, end) of OneHot: [outer][n][inner] of elements of `bytes`, from values [2] and indices [outer][inner].
struct OneHot {
  Axis axis;
  std::size_t bytes = 4;
  DType index_type = DType::kInt64;

  void fill(const std::byte* values, const std::byte* indices, std::byte* y, std::int64_t begin,
            std::int64_t end) const {
    const auto by_index = [&]<class T>(T) {
      if (index_type == DType::kInt64)
        fill_as<T, std::int64_t>(values, indices, y, begin, end);
      else if (index_type == DType::kInt32)
        fill_as<T, std::int32_t>(values, indices, y, begin, end);
      else
        fill_as<T, float>(values, indices, y, begin, end);
    };
    if (bytes == 1) by_index(std::uint8_t{});
    if (bytes == 2) by_index(std::uint16_t{});
    if (bytes == 4) by_index(std::uint32_t{});
    if (bytes == 8) by_index(std::uint64_t{});
  }

 private:
  template <class T, class Index>
  void fill_as(const std::byte* values, const std::byte* indices, std::byte* y, std::int64_t begin,
               std::int64_t end) const {
    const T* off_on = reinterpret_cast<const T*>(values);
    const Index* list = reinterpret_cast<const Index*>(indices);
    T* to = reinterpret_cast<T*>(y);
    std::fill(to + begin * axis.n * axis.inner, to + end * axis.n * axis.inner, off_on[0]);
    for (std::int64_t o = begin; o < end; ++o) {
      for (std::int64_t j = 0; j < axis.inner; ++j) {
        const Index given = list[o * axis.inner + j];
        // A number beyond int64, or none, is no index.
        if (std::is_floating_point_v<Index> && !(std::abs(static_cast<double>(given)) < 9.0e18)) continue;
        auto index = static_cast<std::int64_t>(given);
        index += index < 0 ? axis.n : 0;
        if (index >= 0 && index < axis.n) to[(o * axis.n + index) * axis.inner + j] = off_on[1];
      }
    }
  }
};

// With a depth that the run brings: the output goes into a slot.
class OneHotStep final : public Step {
 public:
  OneHotStep(OneHot form, std::size_t axis, Place indices, Place depth, Place values, std::uint32_t slot, DType dtype,
             std::string where)
      : form_(form),
        axis_(axis),
        indices_(std::move(indices)),
        depth_(std::move(depth)),
        values_(std::move(values)),
        slot_(slot),
        dtype_(dtype),
        where_(std::move(where)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    run_fallible(context, begin, end, where_, [&] { return compute(context); });
  }

 private:
  Status compute(const StepContext& context) const {
    const std::int64_t depth = depth_.dtype == DType::kInt32 ? *context.at<const std::int32_t>(depth_)
                                                             : *context.at<const std::int64_t>(depth_);
    if (depth < 0) return invalid_argument("depth is negative or no number: {}", depth);
    Dims dims = indices_.dims;
    dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(axis_), depth);
    CYCLOID_ASSIGN(Tensor y, Tensor::empty(dtype_, std::move(dims)));
    OneHot form = form_;
    form.axis.n = depth;
    if (y.element_count() > 0)
      form.fill(context.at<const std::byte>(values_), context.at<const std::byte>(indices_), y.mutable_bytes(), 0,
                form.axis.outer);
    context.run->slots[slot_] = Datum(std::move(y));
    return {};
  }

  OneHot form_;
  std::size_t axis_;
  Place indices_, depth_, values_;
  std::uint32_t slot_;
  DType dtype_;
  std::string where_;
};

Declined lower_one_hot_of_any_depth(Lowering& lowering, NodeId id, OneHot form, std::int64_t axis) {
  const Node& node = lowering.graph().node(id);
  const Dims* depth = lowering.dims(node.inputs[1]);
  const DType type = lowering.dtype(node.inputs[1]);
  if (depth == nullptr || element_count(*depth) != 1 || (type != DType::kInt64 && type != DType::kInt32))
    return "a depth that is no integer";
  Dims dims = *lowering.dims(node.inputs[0]);
  const auto rank = static_cast<std::int64_t>(dims.size()) + 1;
  if (axis < -rank || axis >= rank) return "an axis beyond the rank";
  const auto at = static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
  dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(at), 1);
  form.axis = *axis_of(dims, axis);
  Lowering::Draft draft{.nodes = {id}, .kernel = "lanes.one_hot"};
  for (const ValueId input : node.inputs) draft.reads.push_back(lowering.read(input, Layout::kRowMajor));
  const std::uint32_t slot = lowering.slot(node.outputs[0]);
  draft.uses.push_back({.buffer = lowering.slot_buffer(slot), .write = true});
  auto step = std::make_unique<OneHotStep>(form, at, draft.reads[0], draft.reads[1], draft.reads[2], slot,
                                           lowering.dtype(node.outputs[0]), describe(lowering.graph(), node));
  lowering.add(std::move(step), std::move(draft));
  return {};
}

}  // namespace

Declined lower_one_hot(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  for (const std::size_t i : {0, 2}) {
    if (lowering.dims(node.inputs[i]) == nullptr) return "an input whose shape depends on data";
  }
  OneHot form{.bytes = size_of(lowering.dtype(node.outputs[0])), .index_type = lowering.dtype(node.inputs[0])};
  const bool known =
      form.index_type == DType::kInt64 || form.index_type == DType::kInt32 || form.index_type == DType::kFloat32;
  const Result<std::int64_t> at = get_int(node, "axis", -1);
  if (!known || !at) return "indices of another type";
  if (*lowering.dims(node.inputs[2]) != Dims{2}) return "other than two values";
  if (form.bytes != 1 && form.bytes != 2 && form.bytes != 4 && form.bytes != 8)
    return "an element size that the kernel has not";
  if (lowering.dims(node.outputs[0]) == nullptr) return lower_one_hot_of_any_depth(lowering, id, form, *at);
  const Dims out = *lowering.dims(node.outputs[0]);
  const auto axis = axis_of(out, *at);
  if (!axis || element_count(out) == 0) return "the output has no elements";
  form.axis = *axis;
  const Place indices = lowering.read(node.inputs[0], Layout::kRowMajor),
              values = lowering.read(node.inputs[2], Layout::kRowMajor),
              y = lowering.define(node.outputs[0], Layout::kRowMajor);
  add_lanes(lowering, id, "lanes.one_hot", {.reads = {indices, values}, .writes = {y}}, axis->outer,
            0.2 * static_cast<double>(axis->n), [=](const StepContext& context, std::int64_t begin, std::int64_t end) {
              form.fill(context.at<const std::byte>(values), context.at<const std::byte>(indices),
                        context.at<std::byte>(y), begin, end);
            });
  return {};
}

Declined lower_reduce_lanes(Lowering& lowering, NodeId id, std::int64_t outer, std::int64_t n, std::int64_t inner) {
  using kernels::LaneReduction;
  const Node& node = lowering.graph().node(id);
  const auto type = lane_type(lowering.dtype(node.inputs[0]));
  static constexpr struct {
    std::string_view op;
    LaneReduction kind;
  } kKinds[] = {{"ReduceL1", LaneReduction::kL1},   {"ReduceL2", LaneReduction::kL2},
                {"ReduceMax", LaneReduction::kMax}, {"ReduceMean", LaneReduction::kMean},
                {"ReduceMin", LaneReduction::kMin}, {"ReduceProd", LaneReduction::kProd},
                {"ReduceSum", LaneReduction::kSum}, {"ReduceSumSquare", LaneReduction::kSumSquare}};
  const auto* const kind = std::ranges::find(kKinds, node.op_type, [](const auto& line) { return line.op; });
  if (!type || kind == std::end(kKinds)) return "no kernel for this type";
  const kernels::LaneReduceFn run = kernels::lane_reduce_kernel(*type, kind->kind, lowering.options().isa);
  if (run == nullptr) return "no kernel for this type";
  const Place x = lowering.read(node.inputs[0], Layout::kRowMajor),
              y = lowering.define(node.outputs[0], Layout::kRowMajor);
  const Lanes lanes{*type, n, inner};
  add_lanes(lowering, id, "lanes.reduce", {.reads = {x}, .writes = {y}}, outer, 0.3,
            [=](const StepContext& context, std::int64_t begin, std::int64_t end) {
              run(lanes, context.at<const void>(x), context.at<void>(y), begin, end);
            });
  return {};
}

}  // namespace cycloid
