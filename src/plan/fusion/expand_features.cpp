// Operators of tables and grids that are a few others, each of which has kernels:
//
// ArrayFeatureExtractor                   =>  Gather of the last axis
// Binarizer                               =>  Cast(x > threshold)
// FeatureVectorizer                       =>  Concat
// Imputer                                 =>  Where(x is the replaced value, imputed, x)
// OneHotEncoder                           =>  Cast(x == categories), where unknown ones are zeros
// EyeLike                                 =>  a constant
// CenterCropPad                           =>  Slice of the middle, and Pad around it
// LpPool                                  =>  AveragePool of |x| or x^2, times the taps of a window; and its square root
// GlobalLpPool                            =>  ReduceL1 or ReduceL2
// Shrink                                  =>  Where(x < -lambd, x + bias, Where(x > lambd, x - bias, 0))
#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "plan/fusion/expanding.h"

namespace cycloid {
namespace {

bool has_no_elements(const Dims& dims) { return std::ranges::find(dims, 0) != dims.end(); }

ValueId constant_floats(Expanding& e, const char* name, const Dims& dims, const std::vector<float>& values) {
  return e.graph().add_constant(name, Tensor::of<float>(dims, values));
}

Attributes cast_to(DType dtype) { return {{"to", static_cast<std::int64_t>(dtype)}}; }

}  // namespace

void expand_array_feature_extractor(Expanding& e) {
  const Node& node = e.node();
  const auto x = e.dims(node.inputs[0]), y = e.dims(node.outputs[0]);
  const Tensor* given = e.graph().constant(node.inputs[1]);
  if (!x || !y || x->empty() || given == nullptr || has_no_elements(*y)) return;
  const std::vector<std::int64_t> indices = to_int64s(*given);
  if (std::ranges::any_of(indices, [&](std::int64_t i) { return i < 0 || i >= x->back(); })) return;
  Dims picked = *x;
  picked.back() = static_cast<std::int64_t>(indices.size());
  e.give(0, e.reshaped(e.add("Gather", {node.inputs[0], e.sizes(indices)}, picked, {{"axis", std::int64_t{-1}}}), *y));
  e.done();
}

void expand_binarizer(Expanding& e) {
  const Node& node = e.node();
  const Result<float> threshold = get_float(node, "threshold", 0);
  const auto dims = e.dims(node.inputs[0]);
  if (!threshold || !dims || e.dtype(node.inputs[0]) != DType::kFloat32) return;
  const ValueId bound = e.number(static_cast<double>(*threshold), DType::kFloat32);
  const ValueId above = e.add_typed("Greater", DType::kBool, {node.inputs[0], bound}, *dims);
  e.give(0, e.add_typed("Cast", DType::kFloat32, {above}, *dims, cast_to(DType::kFloat32)));
  e.done();
}

void expand_feature_vectorizer(Expanding& e) {
  const Node& node = e.node();
  const auto widths = get_ints(node, "inputdimensions");
  const auto y = e.dims(node.outputs[0]);
  if (!widths || widths->size() != node.inputs.size() || !y || has_no_elements(*y)) return;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const auto dims = e.dims(node.inputs[i]);
    if (!dims || dims->size() != 2 || (*dims)[0] != (*y)[0] || (*dims)[1] != (*widths)[i] ||
        e.dtype(node.inputs[i]) != DType::kFloat32)
      return;
  }
  e.give(0, e.add("Concat", node.inputs, *y, {{"axis", std::int64_t{1}}}));
  e.done();
}

void expand_imputer(Expanding& e) {
  const Node& node = e.node();
  const auto dims = e.dims(node.inputs[0]);
  const auto imputed = get_floats(node, "imputed_value_floats");
  const Result<float> replaced = get_float(node, "replaced_value_float", 0);
  if (!dims || dims->empty() || !imputed || !replaced || e.dtype(node.inputs[0]) != DType::kFloat32) return;
  const auto count = static_cast<std::int64_t>(imputed->size());
  if (count != 1 && count != dims->back()) return;
  const ValueId x = node.inputs[0];
  const ValueId hit =
      std::isnan(*replaced)
          ? e.add_typed("IsNaN", DType::kBool, {x}, *dims)
          : e.add_typed("Equal", DType::kBool, {x, e.number(static_cast<double>(*replaced), DType::kFloat32)}, *dims);
  e.give(0, e.add("Where", {hit, constant_floats(e, "imputed", {count}, *imputed), x}, *dims, {}, 2));
  e.done();
}

void expand_one_hot_encoder(Expanding& e) {
  const Node& node = e.node();
  const auto x = e.dims(node.inputs[0]), y = e.dims(node.outputs[0]);
  const auto categories = get_ints(node, "cats_int64s", {});
  const Result<std::int64_t> zeros = get_int(node, "zeros", 1);
  if (!x || !y || !categories || categories->empty() || !zeros || *zeros == 0 || has_no_elements(*y)) return;
  const std::set<std::int64_t> different(categories->begin(), categories->end());
  if (e.dtype(node.inputs[0]) != DType::kInt64 || different.size() != categories->size()) return;
  Dims column = *x;
  column.push_back(1);
  Dims all = *x;
  all.push_back(static_cast<std::int64_t>(categories->size()));
  if (all != *y) return;
  const ValueId known = e.graph().add_constant("categories", int64s(*categories));
  const ValueId hit = e.add_typed("Equal", DType::kBool, {e.reshaped(node.inputs[0], column), known}, all);
  e.give(0, e.add_typed("Cast", DType::kFloat32, {hit}, all, cast_to(DType::kFloat32)));
  e.done();
}

void expand_eye_like(Expanding& e) {
  constexpr std::int64_t kMost = std::int64_t{1} << 22;  // elements
  const Node& node = e.node();
  const auto dims = e.dims(node.outputs[0]);
  const Result<std::int64_t> k = get_int(node, "k", 0);
  if (!dims || dims->size() != 2 || !k || has_no_elements(*dims) || (*dims)[0] > kMost / (*dims)[1]) return;
  const std::int64_t rows = (*dims)[0], columns = (*dims)[1];
  if (*k <= -rows || *k >= columns) return;
  Tensor eye = Tensor::zeros(e.dtype(node.outputs[0]), *dims).value();
  const bool done =
      dispatch<float, double, std::int32_t, std::int64_t, std::uint8_t, bool>(eye.dtype(), [&]<class T>(T) {
        const auto to = eye.mutable_data<T>();
        for (std::int64_t i = std::max<std::int64_t>(0, -*k); i < rows && i + *k < columns; ++i)
          to[static_cast<std::size_t>(i * columns + i + *k)] = static_cast<T>(1);
      });
  if (!done) return;
  e.give(0, e.graph().add_constant("eye", std::move(eye)));
  e.done();
}

// Outputs smaller by an odd number lose one more element at the end, larger ones gain it there.
void expand_center_crop_pad(Expanding& e) {
  const ValueId x = e.node().inputs[0];
  const auto from = e.dims(x), to = e.dims(e.node().outputs[0]);
  if (!from || !to || has_no_elements(*from) || has_no_elements(*to) || from->size() != to->size()) return;
  Dims starts, ends, axes, pads(2 * from->size(), 0), cut = *from;
  for (std::size_t i = 0; i < from->size(); ++i) {
    const std::int64_t less = (*from)[i] - (*to)[i];
    if (less > 0) {
      axes.push_back(static_cast<std::int64_t>(i));
      starts.push_back(less / 2);
      ends.push_back(less / 2 + (*to)[i]);
      cut[i] = (*to)[i];
    }
    pads[i] = std::max<std::int64_t>(-less, 0) / 2;
    pads[from->size() + i] = std::max<std::int64_t>(-less, 0) - pads[i];
  }
  const ValueId middle = axes.empty() ? x : e.add("Slice", {x, e.sizes(starts), e.sizes(ends), e.sizes(axes)}, cut);
  const ValueId padded = cut == *to ? middle : e.add("Pad", {middle, e.sizes(pads)}, *to);
  e.give(0, padded == x ? e.add("Reshape", {x, e.sizes(*to)}, *to) : padded);
  e.done();
}

// Windows that reach beyond the padding, as those of ceil_mode may, are averaged over fewer taps: they stay.
void expand_lp_pool(Expanding& e) {
  const Node& node = e.node();
  const Result<std::int64_t> p = get_int(node, "p", 2), ceil = get_int(node, "ceil_mode", 0);
  const Result<std::string> automatic = get_string(node, "auto_pad", "NOTSET");
  const Result<std::vector<std::int64_t>> kernel = get_ints(node, "kernel_shape");
  const auto from = e.dims(node.inputs[0]), to = e.dims(node.outputs[0]);
  if (!p || (*p != 1 && *p != 2) || !ceil || *ceil != 0 || !automatic || *automatic != "NOTSET" || !kernel ||
      kernel->empty() || !from || !to || has_no_elements(*from) || has_no_elements(*to) || !e.usable(node.inputs[0]))
    return;
  double taps = 1;
  for (const std::int64_t size : *kernel) taps *= static_cast<double>(size);
  Attributes attributes = node.attributes;
  attributes.erase("p");
  attributes["count_include_pad"] = std::int64_t{1};
  const ValueId x = node.inputs[0];
  const ValueId terms = *p == 1 ? e.add("Abs", {x}, *from) : e.add("Mul", {x, x}, *from);
  const ValueId mean = e.add("AveragePool", {terms}, *to, std::move(attributes));
  const ValueId sum = e.add("Mul", {mean, e.number(taps, e.dtype(x))}, *to);
  e.give(0, *p == 1 ? sum : e.add("Sqrt", {sum}, *to));
  e.done();
}

void expand_global_lp_pool(Expanding& e) {
  const Node& node = e.node();
  const Result<std::int64_t> p = get_int(node, "p", 2);
  const auto dims = e.dims(node.inputs[0]);
  if (!p || (*p != 1 && *p != 2) || !dims || dims->size() < 3 || has_no_elements(*dims) || !e.usable(node.inputs[0]))
    return;
  std::vector<std::int64_t> axes;
  Dims pooled = *dims;
  for (std::size_t i = 2; i < dims->size(); ++i) {
    axes.push_back(static_cast<std::int64_t>(i));
    pooled[i] = 1;
  }
  e.give(0, e.add(*p == 1 ? "ReduceL1" : "ReduceL2", {node.inputs[0], e.sizes(axes)}, pooled));
  e.done();
}

void expand_shrink(Expanding& e) {
  const Node& node = e.node();
  const Result<float> lambd = get_float(node, "lambd", 0.5F), bias = get_float(node, "bias", 0);
  const auto dims = e.dims(node.inputs[0]);
  const DType type = e.dtype(node.inputs[0]);
  if (!lambd || !bias || !dims || (type != DType::kFloat32 && type != DType::kFloat64)) return;
  const ValueId x = node.inputs[0];
  const auto number = [&](float value) { return e.number(static_cast<double>(value), type); };
  const ValueId below = e.add_typed("Less", DType::kBool, {x, number(-*lambd)}, *dims);
  const ValueId above = e.add_typed("Greater", DType::kBool, {x, number(*lambd)}, *dims);
  const ValueId raised = *bias == 0 ? x : e.add("Add", {x, number(*bias)}, *dims);
  const ValueId lowered = *bias == 0 ? x : e.add("Sub", {x, number(*bias)}, *dims);
  const ValueId rest = e.add("Where", {above, lowered, number(0)}, *dims, {}, 1);
  e.give(0, e.add("Where", {below, raised, rest}, *dims, {}, 1));
  e.done();
}

}  // namespace cycloid
