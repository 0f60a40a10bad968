#include "rewrite/batching/segments.h"

#include <cmath>
#include <limits>

namespace cycloid {
namespace {

// A tensor of one element of this dtype; nullopt where the number has no place in it.
std::optional<Tensor> scalar_of(DType dtype, double value) {
  std::optional<Tensor> tensor;
  dispatch<float, double, std::int32_t, std::int64_t>(dtype, [&]<class T>(T) {
    if constexpr (std::is_floating_point_v<T>) {
      tensor = Tensor::scalar<T>(static_cast<T>(value));
    } else if (value == -std::numeric_limits<double>::infinity()) {
      tensor = Tensor::scalar<T>(std::numeric_limits<T>::lowest());
    } else if (value == std::numeric_limits<double>::infinity()) {
      tensor = Tensor::scalar<T>(std::numeric_limits<T>::max());
    } else {
      tensor = Tensor::scalar<T>(static_cast<T>(value));
    }
  });
  return tensor;
}

std::string_view scatter_name(SegmentReduction reduction) {
  switch (reduction) {
    case SegmentReduction::kSum:
    case SegmentReduction::kMean: return "add";
    case SegmentReduction::kMax: return "max";
    case SegmentReduction::kMin: return "min";
    case SegmentReduction::kProduct: return "mul";
  }
  return "add";
}

double start_of(SegmentReduction reduction) {
  switch (reduction) {
    case SegmentReduction::kMax: return -std::numeric_limits<double>::infinity();
    case SegmentReduction::kMin: return std::numeric_limits<double>::infinity();
    case SegmentReduction::kProduct: return 1;
    default: return 0;
  }
}

// A tensor [T + 2, ...] of this one value. Nullopt: the sizes of the axes behind are not to be had.
std::optional<Patch::Ref> filled(Batcher& b, const SegmentScatter& scatter, const Tensor& value) {
  const Shape rest(scatter.shape.begin() + 1, scatter.shape.end());
  const auto known = known_dims(rest);
  const Dim& trips = b.trips().count;
  if (known && trips.is_known()) {
    std::vector<std::int64_t> sizes = *known;
    sizes.insert(sizes.begin(), trips.value() + 2);
    return b.op("ConstantOfShape", {b.ints(sizes)}, {{"value", value.reshaped({1})}});
  }
  const auto rows = b.op("Add", {b.trips().vector, b.ints({2})});
  Patch::Ref shape = rows;
  if (!rest.empty()) {
    const auto behind = known ? b.ints(*known) : b.op("Shape", {scatter.x}, {{"start", std::int64_t{1}}});
    shape = b.op("Concat", {rows, behind}, {{"axis", std::int64_t{0}}});
  }
  return b.op("ConstantOfShape", {shape}, {{"value", value.reshaped({1})}});
}

// ids brought to [-1, T]. Also where T is max(ids) + 1, which is no bound where it overflows.
std::optional<Patch::Ref> clipped_ids(Batcher& b, const SegmentScatter& scatter) {
  const auto low = scalar_of(scatter.ids_dtype, -1);
  if (!low) return std::nullopt;
  const Dim& trips = b.trips().count;
  Patch::Ref high = b.trips().scalar;
  if (trips.is_known()) {
    high = b.patch().constant("segments", *scalar_of(scatter.ids_dtype, static_cast<double>(trips.value())));
  } else if (scatter.ids_dtype != DType::kInt64) {
    high = b.op("Cast", {high}, {{"to", static_cast<std::int64_t>(scatter.ids_dtype)}});
  }
  return b.op("Clip", {scatter.ids, b.patch().constant("none", *low), high});
}

std::optional<Patch::Ref> scattered(Batcher& b, const SegmentScatter& scatter, const Patch::Ref& ids) {
  const auto start = scalar_of(scatter.dtype, start_of(scatter.reduction));
  if (!start) return std::nullopt;
  const auto data = filled(b, scatter, *start);
  if (!data) return std::nullopt;
  const Attribute reduction = std::string(scatter_name(scatter.reduction));
  Patch::Ref all = Patch::Ref::none();
  if (scatter.shape.size() == 1) {
    all = b.op("ScatterElements", {*data, ids, scatter.x}, {{"axis", std::int64_t{0}}, {"reduction", reduction}});
  } else {
    const auto wide = scatter.ids_dtype == DType::kInt64
                          ? ids
                          : b.op("Cast", {ids}, {{"to", static_cast<std::int64_t>(DType::kInt64)}});
    all = b.op("ScatterND", {*data, b.unsqueeze(wide, {1}), scatter.x}, {{"reduction", reduction}});
  }
  const auto end = b.trips().count.is_known() ? b.ints({b.trips().count.value()}) : b.trips().vector;
  return b.op("Slice", {all, b.ints({0}), end, b.ints({0})});
}

}  // namespace

std::optional<Tensor> one_of(DType dtype) { return scalar_of(dtype, 1); }

std::optional<SegmentReduction> segment_reduction(std::string_view op_type) {
  if (op_type == "ReduceSum") return SegmentReduction::kSum;
  if (op_type == "ReduceMean") return SegmentReduction::kMean;
  if (op_type == "ReduceMax") return SegmentReduction::kMax;
  if (op_type == "ReduceMin") return SegmentReduction::kMin;
  if (op_type == "ReduceProd") return SegmentReduction::kProduct;
  return std::nullopt;
}

std::optional<double> neutral_element(SegmentReduction reduction, DType dtype) {
  if (reduction == SegmentReduction::kMean) return std::nullopt;
  const double start = start_of(reduction);
  if (!std::isinf(start) || is_floating_point(dtype)) return start;
  if (dtype != DType::kInt32) return std::nullopt;  // a double cannot tell the last numbers of int64 apart
  return start > 0 ? std::numeric_limits<std::int32_t>::max() : std::numeric_limits<std::int32_t>::lowest();
}

std::optional<Patch::Ref> scatter_segments(Batcher& b, const SegmentScatter& scatter) {
  const bool known_dtype = scatter.dtype == DType::kFloat32 || scatter.dtype == DType::kFloat64 ||
                           scatter.dtype == DType::kInt32 || scatter.dtype == DType::kInt64;
  if (!known_dtype || scatter.shape.empty()) return std::nullopt;
  const auto clipped = clipped_ids(b, scatter);
  if (!clipped) return std::nullopt;
  const Patch::Ref& ids = *clipped;
  const auto sums = scattered(b, scatter, ids);
  if (!sums || scatter.reduction != SegmentReduction::kMean) return sums;
  if (!is_floating_point(scatter.dtype)) return std::nullopt;
  // As many ones: the sizes of the segments, [T, 1, ...].
  SegmentScatter ones = scatter;
  ones.shape = {scatter.shape[0]};
  const auto one = scalar_of(scatter.dtype, 1);
  ones.x = b.op("Expand", {b.patch().constant("one", *one), b.op("Shape", {scatter.ids})});
  ones.reduction = SegmentReduction::kSum;
  auto counts = scattered(b, ones, ids);
  if (!counts) return std::nullopt;
  std::vector<std::int64_t> axes;
  for (std::size_t i = 1; i < scatter.shape.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  return b.op("Div", {*sums, b.unsqueeze(*counts, axes)});
}

bool reduce_segments(BatchNode& node, const std::vector<std::int64_t>& axes, bool keep_dims) {
  const auto reduction = segment_reduction(node.node.op_type);
  if (!reduction || axes != std::vector<std::int64_t>{0}) return false;
  Batcher& b = node.batcher;
  SegmentScatter scatter;
  scatter.reduction = *reduction;
  if (const auto* selection = node.in(0).selection.get()) {
    if (selection->fill) {  // a mean of filled elements counts them
      const auto neutral = neutral_element(*reduction, selection->dtype);
      if (!neutral || *selection->fill != *neutral) return false;
    }
    const bool spreads = selection->by_product && is_floating_point(selection->dtype);
    if (spreads && !b.context().assume_finite) return false;
    scatter.ids = selection->mask.ids;
    scatter.ids_dtype = selection->mask.ids_dtype;
    scatter.x = selection->x;
    scatter.dtype = selection->dtype;
    scatter.shape = selection->shape;
  } else if (const auto* weight = node.in(0).weight.get(); weight != nullptr && node.rank(0) == 1) {
    if (*reduction != SegmentReduction::kSum) return false;  // how many elements the segment has
    const auto one = scalar_of(node.in(0).dtype, 1);
    if (!one) return false;
    scatter.ids = weight->ids;
    scatter.ids_dtype = weight->ids_dtype;
    scatter.x = b.op("Expand", {b.patch().constant("one", *one), b.op("Shape", {weight->ids})});
    scatter.dtype = node.in(0).dtype;
    scatter.shape = {weight->count};
  } else {
    return false;
  }
  const auto reduced = scatter_segments(b, scatter);
  if (!reduced) return false;
  node.outputs[0].ref = keep_dims ? b.unsqueeze(*reduced, {1}) : *reduced;
  b.note_segments();
  return true;
}

bool compress_segments(BatchNode& node) {
  const Lane& x = node.in(0);
  const auto axis = get_int(node.node, "axis", 0);
  if (x.batched || !node.in(1).mask || !axis) return false;
  const bool first_axis = has_attribute(node.node, "axis")
                              ? *axis == 0 || *axis == -static_cast<std::int64_t>(x.shape.size())
                              : x.shape.size() == 1;
  if (!first_axis || x.shape.empty() || !(x.shape[0] == node.in(1).mask->count)) return false;
  Lane& out = node.outputs[0];
  out.exists = false;
  out.selection = std::make_shared<SegmentSelection>(
      SegmentSelection{.mask = *node.in(1).mask, .x = x.ref, .dtype = x.dtype, .shape = x.shape});
  return true;
}

bool places_of_segments(BatchNode& node) {
  if (node.in(0).shape.size() != 1) return false;
  const auto& mask = node.in(0).mask != nullptr ? node.in(0).mask : node.in(0).weight;
  if (!mask) return false;
  node.outputs[0].exists = false;
  node.outputs[0].places = mask;
  return true;
}

bool select_places(BatchNode& node, const Lane& data, const Lane& places, bool as_rows) {
  const Shape& shape = places.shape;
  const bool rows = shape.size() == 2 && shape[1].is(1);
  if (places.places == nullptr || (as_rows ? !rows : shape.size() != 1)) return false;
  if (data.batched || data.shape.empty() || !(data.shape[0] == places.places->count)) return false;
  Lane& out = node.outputs[0];
  out.exists = false;
  out.selection = std::make_shared<SegmentSelection>(
      SegmentSelection{.mask = *places.places, .x = data.ref, .dtype = data.dtype, .shape = data.shape});
  return true;
}

}  // namespace cycloid
