// ZipMap, DictVectorizer and CastMap: between tensors and maps.
#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "ops/elements.h"
#include "ops/ml/list.h"
#include "ops/ml/rows.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/movement.h"
#include "ops/tensor/split.h"

namespace cycloid {
namespace {

constexpr DTypeSet kFloatOnly{DType::kFloat32};

Status infer_zip_map(InferContext& context) {
  CYCLOID_ASSIGN(const ClassLabels labels, ClassLabels::parse(context.node(), "classlabels_int64s"));
  CYCLOID_TRY(feature_rows(context, kFloatOnly));
  context.set_output(0,
                     ValueType::sequence(ValueType::map(labels.dtype(), ValueType::tensor(DType::kFloat32, Shape{}))));
  return {};
}

Result<std::vector<Datum>> evaluate_zip_map(EvalContext& context) {
  CYCLOID_ASSIGN(const ClassLabels labels, ClassLabels::parse(context.node(), "classlabels_int64s"));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kFloatOnly));
  if (x->rank() < 1 || x->rank() > 2)
    return invalid_argument("X must have rank 1 or 2, but its shape is {}", to_string(x->dims()));
  const std::int64_t rows = x->rank() == 2 ? x->dim(0) : 1;
  const std::int64_t columns = x->dims().back();
  if (columns != static_cast<std::int64_t>(labels.size()))
    return invalid_argument("{} columns for {} labels", columns, labels.size());
  std::vector<std::size_t> all(labels.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  const Tensor keys = labels.pick(all);
  const Tensor matrix = x->reshaped({rows, columns});
  Sequence sequence;
  for (std::int64_t i = 0; i < rows; ++i) {
    CYCLOID_ASSIGN(const Tensor row, slice_axis(matrix, 0, i, 1));
    sequence.items.emplace_back(Map{keys, row.reshaped({columns})});
  }
  std::vector<Datum> data;
  data.emplace_back(std::move(sequence));
  return data;
}

Result<const Map*> map_input(const EvalContext& context) {
  const Datum* datum = context.input_count() > 0 ? context.input(0) : nullptr;
  if (datum == nullptr || datum->map() == nullptr)
    return invalid_argument("input 0 of {} must be a map", context.node().op_type);
  return datum->map();
}

// The position of key `i` of the map in a vocabulary of its type; -1 where it is not in it.
Result<std::int64_t> place_of(const Tensor& keys, std::size_t i, const std::vector<std::int64_t>& ints,
                              const std::vector<std::string>& strings) {
  if (keys.dtype() == DType::kString && !strings.empty()) {
    const auto at = std::ranges::find(strings, keys.data<std::string>()[i]);
    return at != strings.end() ? at - strings.begin() : -1;
  }
  if (keys.dtype() == DType::kInt64 && !ints.empty()) {
    const auto at = std::ranges::find(ints, keys.data<std::int64_t>()[i]);
    return at != ints.end() ? at - ints.begin() : -1;
  }
  return invalid_argument("the map's keys are {}, but the vocabulary is of another type", to_string(keys.dtype()));
}

Status infer_dict_vectorizer(InferContext& context) {
  CYCLOID_ASSIGN(const auto ints, get_ints(context.node(), "int64_vocabulary"));
  CYCLOID_ASSIGN(const auto strings, get_strings(context.node(), "string_vocabulary"));
  if (ints.empty() == strings.empty())
    return invalid_model("DictVectorizer needs either int64_vocabulary or string_vocabulary");
  const ValueType* type = context.input(0);
  const bool known = type != nullptr && type->kind == ValueType::Kind::kMap && type->element != nullptr;
  context.set_output(0, ValueType::tensor(known ? type->element->dtype : DType::kUndefined,
                                          {1, static_cast<std::int64_t>(ints.size() + strings.size())}));
  return {};
}

Result<std::vector<Datum>> evaluate_dict_vectorizer(EvalContext& context) {
  CYCLOID_ASSIGN(const auto ints, get_ints(context.node(), "int64_vocabulary"));
  CYCLOID_ASSIGN(const auto strings, get_strings(context.node(), "string_vocabulary"));
  CYCLOID_ASSIGN(const Map* map, map_input(context));
  CYCLOID_ASSIGN(Tensor y,
                 Tensor::zeros(map->values.dtype(), {1, static_cast<std::int64_t>(ints.size() + strings.size())}));
  const ElementCopier copier(map->values, y);
  for (std::int64_t i = 0; i < map->keys.element_count(); ++i) {
    CYCLOID_ASSIGN(const std::int64_t at, place_of(map->keys, static_cast<std::size_t>(i), ints, strings));
    if (at >= 0) copier.copy(at, i);
  }
  return outputs(std::move(y));
}

struct CastMapAttributes {
  DType dtype = DType::kFloat32;
  bool sparse = false;
  std::int64_t most = 1;

  static Result<CastMapAttributes> parse(const Node& node) {
    CastMapAttributes a;
    CYCLOID_ASSIGN(const std::string to, get_string(node, "cast_to", "TO_FLOAT"));
    CYCLOID_ASSIGN(const std::string form, get_string(node, "map_form", "DENSE"));
    CYCLOID_ASSIGN(a.most, get_int(node, "max_map", 1));
    if (to != "TO_FLOAT" && to != "TO_STRING" && to != "TO_INT64") return invalid_model("cast_to '{}'", to);
    if (form != "DENSE" && form != "SPARSE") return invalid_model("map_form '{}'", form);
    a.dtype = to == "TO_FLOAT" ? DType::kFloat32 : to == "TO_INT64" ? DType::kInt64 : DType::kString;
    a.sparse = form == "SPARSE";
    if (a.sparse && a.most < 1) return invalid_model("max_map must be 1 or more, but is {}", a.most);
    return a;
  }
};

Status infer_cast_map(InferContext& context) {
  CYCLOID_ASSIGN(const CastMapAttributes a, CastMapAttributes::parse(context.node()));
  context.set_output(0, ValueType::tensor(a.dtype, {1, a.sparse ? Dim(a.most) : Dim::unknown()}));
  return {};
}

// Element `i` of a map's values as a number, and as text.
Result<double> number_at(const Tensor& values, std::size_t i) {
  if (values.dtype() == DType::kFloat32) return static_cast<double>(values.data<float>()[i]);
  if (values.dtype() == DType::kInt64) return static_cast<double>(values.data<std::int64_t>()[i]);
  if (values.dtype() != DType::kString) return unsupported("a map of {}", to_string(values.dtype()));
  const std::string& text = values.data<std::string>()[i];
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return invalid_argument("'{}' is no number", text);
  return number;
}

std::string text_at(const Tensor& values, std::size_t i) {
  if (values.dtype() == DType::kString) return values.data<std::string>()[i];
  return values.dtype() == DType::kInt64 ? fmt::format("{}", values.data<std::int64_t>()[i])
                                         : fmt::format("{}", values.data<float>()[i]);
}

Result<std::vector<Datum>> evaluate_cast_map(EvalContext& context) {
  CYCLOID_ASSIGN(const CastMapAttributes a, CastMapAttributes::parse(context.node()));
  CYCLOID_ASSIGN(const Map* map, map_input(context));
  const auto count = static_cast<std::size_t>(map->values.element_count());
  const auto width = a.sparse ? static_cast<std::size_t>(a.most) : count;
  CYCLOID_TRY(check_fits(context, a.dtype, {1, static_cast<std::int64_t>(width)}));
  // Where each value goes: one after the other by rising key, or at its key.
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  if (map->keys.dtype() == DType::kInt64) {
    std::ranges::sort(order, {}, [&](std::size_t i) { return map->keys.data<std::int64_t>()[i]; });
  } else if (map->keys.dtype() == DType::kString) {
    std::ranges::sort(order, {}, [&](std::size_t i) { return map->keys.data<std::string>()[i]; });
  }
  std::vector<double> numbers(width, 0.0);
  std::vector<std::string> texts(width);
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t to = i;
    if (a.sparse) {
      if (map->keys.dtype() != DType::kInt64) return invalid_argument("a sparse map needs int64 keys");
      const std::int64_t key = map->keys.data<std::int64_t>()[order[i]];
      if (key < 0 || key >= a.most) return invalid_argument("key {} is outside [0, {})", key, a.most);
      to = static_cast<std::size_t>(key);
    }
    if (a.dtype == DType::kString) {
      texts[to] = text_at(map->values, order[i]);
    } else {
      CYCLOID_ASSIGN(numbers[to], number_at(map->values, order[i]));
    }
  }
  const Dims dims{1, static_cast<std::int64_t>(width)};
  if (a.dtype == DType::kString) return outputs(Tensor::of<std::string>(dims, texts));
  CYCLOID_ASSIGN(Tensor y, make_tensor<double>(context, a.dtype, dims, numbers));
  return outputs(std::move(y));
}

}  // namespace

const Op kZipMap = {.domain = "ai.onnx.ml",
                    .name = "ZipMap",
                    .since = 1,
                    .min_inputs = 1,
                    .max_inputs = 1,
                    .infer = infer_zip_map,
                    .evaluate = evaluate_zip_map};
const Op kDictVectorizer = {.domain = "ai.onnx.ml",
                            .name = "DictVectorizer",
                            .since = 1,
                            .min_inputs = 1,
                            .max_inputs = 1,
                            .infer = infer_dict_vectorizer,
                            .evaluate = evaluate_dict_vectorizer};
const Op kCastMap = {.domain = "ai.onnx.ml",
                     .name = "CastMap",
                     .since = 1,
                     .min_inputs = 1,
                     .max_inputs = 1,
                     .infer = infer_cast_map,
                     .evaluate = evaluate_cast_map};

}  // namespace cycloid
