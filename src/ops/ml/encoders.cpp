// OneHotEncoder, LabelEncoder and CategoryMapper: one name of a category for another.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>

#include "base/error.h"
#include "ops/linalg/product.h"
#include "ops/ml/label_map.h"
#include "ops/ml/list.h"
#include "ops/ml/rows.h"
#include "ops/tensor/arguments.h"
#include "ops/tensor/movement.h"

namespace cycloid {
namespace {

constexpr DTypeSet kCategories = kFeatureTypes | kStrings;

struct Categories {
  std::vector<std::int64_t> ints;
  std::vector<std::string> strings;

  static Result<Categories> parse(const Node& node) {
    Categories cats;
    CYCLOID_ASSIGN(cats.ints, get_ints(node, "cats_int64s"));
    CYCLOID_ASSIGN(cats.strings, get_strings(node, "cats_strings"));
    return cats;
  }
};

Result<Categories> one_hot_categories(const Node& node) {
  CYCLOID_ASSIGN(Categories cats, Categories::parse(node));
  if (cats.ints.empty() == cats.strings.empty())
    return invalid_model("OneHotEncoder needs either cats_int64s or cats_strings");
  return cats;
}

Status infer_one_hot(InferContext& context) {
  CYCLOID_ASSIGN(const Categories cats, one_hot_categories(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kCategories));
  if (x.shape) x.shape->push_back(static_cast<std::int64_t>(cats.ints.size() + cats.strings.size()));
  x.dtype = DType::kFloat32;
  context.set_output(0, std::move(x));
  return {};
}

Result<std::vector<Datum>> evaluate_one_hot(EvalContext& context) {
  CYCLOID_ASSIGN(const Categories cats, one_hot_categories(context.node()));
  CYCLOID_ASSIGN(const std::int64_t zeros, get_int(context.node(), "zeros", 1));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kCategories));
  const bool is_text = x->dtype() == DType::kString;
  if (is_text != cats.ints.empty())
    return invalid_argument("X is {}, but the categories are of another kind", to_string(x->dtype()));
  const std::size_t count = cats.ints.size() + cats.strings.size();
  Dims dims = x->dims();
  dims.push_back(static_cast<std::int64_t>(count));
  CYCLOID_TRY(concrete(to_shape(dims)));
  CYCLOID_TRY(check_fits(context, DType::kFloat32, dims));
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(DType::kFloat32, dims));
  const auto to = y.mutable_data<float>();
  std::vector<double> numbers;
  if (!is_text) {
    CYCLOID_ASSIGN(numbers, doubles(*x));
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(x->element_count()); ++i) {
    std::size_t at = 0;
    if (is_text) {
      at = static_cast<std::size_t>(std::ranges::find(cats.strings, x->data<std::string>()[i]) - cats.strings.begin());
    } else {
      const double value = std::trunc(numbers[i]);
      at = static_cast<std::size_t>(
          std::ranges::find_if(cats.ints, [&](std::int64_t cat) { return static_cast<double>(cat) == value; }) -
          cats.ints.begin());
    }
    if (at < count) {
      to[i * count + at] = 1;
    } else if (zeros == 0) {
      return invalid_argument("element {} of X is no known category", i);
    }
  }
  return outputs(std::move(y));
}

// The keys or values of a LabelEncoder: an attribute of numbers or strings, or a tensor.
Result<std::optional<Tensor>> label_list(const Node& node, const std::string& what) {
  CYCLOID_ASSIGN(const Tensor* tensor, get_tensor(node, what + "_tensor"));
  if (tensor != nullptr) return std::optional<Tensor>(tensor->reshaped({tensor->element_count()}));
  CYCLOID_ASSIGN(const auto ints, get_ints(node, what + "_int64s"));
  CYCLOID_ASSIGN(const auto floats, get_floats(node, what + "_floats"));
  CYCLOID_ASSIGN(const auto strings, get_strings(node, what + "_strings"));
  const auto size = [](const auto& list) { return Dims{static_cast<std::int64_t>(list.size())}; };
  if (!ints.empty()) return std::optional<Tensor>(Tensor::of<std::int64_t>(size(ints), ints));
  if (!floats.empty()) return std::optional<Tensor>(Tensor::of<float>(size(floats), floats));
  if (!strings.empty()) return std::optional<Tensor>(Tensor::of<std::string>(size(strings), strings));
  return std::optional<Tensor>();
}

}  // namespace

Result<LabelMap> LabelMap::parse(const Node& node) {
  CYCLOID_ASSIGN(auto keys, label_list(node, "keys"));
  CYCLOID_ASSIGN(auto values, label_list(node, "values"));
  if (!keys || !values) return invalid_model("LabelEncoder needs keys and values");
  if (keys->element_count() != values->element_count()) {
    return invalid_model("LabelEncoder has {} keys, but {} values", keys->element_count(), values->element_count());
  }
  LabelMap map{*std::move(keys), *std::move(values), {}};
  CYCLOID_ASSIGN(const Tensor* fallback, get_tensor(node, "default_tensor"));
  const DType dtype = map.values.dtype();
  if (fallback != nullptr) {
    if (fallback->dtype() != dtype || fallback->element_count() != 1)
      return invalid_model("default_tensor must be one {}", to_string(dtype));
    map.fallback = fallback->reshaped({1});
  } else if (dtype == DType::kString) {
    CYCLOID_ASSIGN(std::string text, get_string(node, "default_string", "_Unused"));
    map.fallback = Tensor::of<std::string>({1}, {std::move(text)});
  } else if (dtype == DType::kInt64) {
    CYCLOID_ASSIGN(const std::int64_t number, get_int(node, "default_int64", -1));
    map.fallback = Tensor::of<std::int64_t>({1}, {number});
  } else if (dtype == DType::kFloat32) {
    CYCLOID_ASSIGN(const float number, get_float(node, "default_float", -0.0F));
    map.fallback = Tensor::of<float>({1}, {number});
  } else {
    CYCLOID_ASSIGN(map.fallback, Tensor::zeros(dtype, {1}));
  }
  return map;
}

namespace {

Status infer_label_encoder(InferContext& context) {
  CYCLOID_ASSIGN(const LabelMap map, LabelMap::parse(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0));
  if (x.dtype != DType::kUndefined && x.dtype != map.keys.dtype()) {
    return invalid_model("X is {}, but the keys are {}", to_string(x.dtype), to_string(map.keys.dtype()));
  }
  x.dtype = map.values.dtype();
  context.set_output(0, std::move(x));
  return {};
}

// A key by which elements that are the same are found: their bytes (any NaN is the same), or the string.
std::string key_of(const Tensor& tensor, std::int64_t i) {
  if (tensor.dtype() == DType::kString) return tensor.data<std::string>()[static_cast<std::size_t>(i)];
  std::string key(
      reinterpret_cast<const char*>(tensor.bytes()) + i * static_cast<std::int64_t>(size_of(tensor.dtype())),
      size_of(tensor.dtype()));
  dispatch<float, double>(tensor.dtype(), [&]<class T>(T) {
    const T value = tensor.data<T>()[static_cast<std::size_t>(i)] + T(0);  // -0 as 0
    const T same = std::isnan(value) ? std::numeric_limits<T>::quiet_NaN() : value;
    std::memcpy(key.data(), &same, sizeof(T));
  });
  return key;
}

Result<std::vector<Datum>> evaluate_label_encoder(EvalContext& context) {
  CYCLOID_ASSIGN(const LabelMap map, LabelMap::parse(context.node()));
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0));
  if (x->dtype() != map.keys.dtype())
    return invalid_argument("X is {}, but the keys are {}", to_string(x->dtype()), to_string(map.keys.dtype()));
  std::map<std::string, std::int64_t, std::less<>> places;
  for (std::int64_t i = 0; i < map.keys.element_count(); ++i) places.emplace(key_of(map.keys, i), i);
  CYCLOID_ASSIGN(Tensor y, Tensor::zeros(map.values.dtype(), x->dims()));
  const ElementCopier known(map.values, y);
  const ElementCopier fallback(map.fallback, y);
  for (std::int64_t i = 0; i < x->element_count(); ++i) {
    const auto at = places.find(key_of(*x, i));
    at != places.end() ? known.copy(i, at->second) : fallback.copy(i, 0);
  }
  return outputs(std::move(y));
}

constexpr DTypeSet kMapped{DType::kString, DType::kInt64};

Status infer_category_mapper(InferContext& context) {
  CYCLOID_TRY(Categories::parse(context.node()));
  CYCLOID_ASSIGN(ValueType x, input_type(context, 0, kMapped));
  if (x.dtype != DType::kUndefined) x.dtype = x.dtype == DType::kString ? DType::kInt64 : DType::kString;
  context.set_output(0, std::move(x));
  return {};
}

Result<std::vector<Datum>> evaluate_category_mapper(EvalContext& context) {
  CYCLOID_ASSIGN(const Categories cats, Categories::parse(context.node()));
  if (cats.ints.size() != cats.strings.size()) return invalid_model("cats_int64s and cats_strings differ in length");
  CYCLOID_ASSIGN(const Tensor* x, tensor_input(context, 0, kMapped));
  if (x->dtype() == DType::kString) {
    CYCLOID_ASSIGN(const std::int64_t fallback, get_int(context.node(), "default_int64", -1));
    std::vector<std::int64_t> mapped;
    for (const std::string& text : x->data<std::string>()) {
      const auto at = std::ranges::find(cats.strings, text);
      mapped.push_back(at != cats.strings.end() ? cats.ints[static_cast<std::size_t>(at - cats.strings.begin())]
                                                : fallback);
    }
    return outputs(Tensor::of<std::int64_t>(x->dims(), mapped));
  }
  CYCLOID_ASSIGN(const std::string fallback, get_string(context.node(), "default_string", "_Unused"));
  std::vector<std::string> mapped;
  for (const std::int64_t number : x->data<std::int64_t>()) {
    const auto at = std::ranges::find(cats.ints, number);
    mapped.push_back(at != cats.ints.end() ? cats.strings[static_cast<std::size_t>(at - cats.ints.begin())] : fallback);
  }
  return outputs(Tensor::of<std::string>(x->dims(), mapped));
}

}  // namespace

const Op kOneHotEncoder = {.domain = "ai.onnx.ml",
                           .name = "OneHotEncoder",
                           .since = 1,
                           .min_inputs = 1,
                           .max_inputs = 1,
                           .infer = infer_one_hot,
                           .evaluate = evaluate_one_hot};
const Op kLabelEncoder = {.domain = "ai.onnx.ml",
                          .name = "LabelEncoder",
                          .since = 2,
                          .min_inputs = 1,
                          .max_inputs = 1,
                          .infer = infer_label_encoder,
                          .evaluate = evaluate_label_encoder};
const Op kCategoryMapper = {.domain = "ai.onnx.ml",
                            .name = "CategoryMapper",
                            .since = 1,
                            .min_inputs = 1,
                            .max_inputs = 1,
                            .infer = infer_category_mapper,
                            .evaluate = evaluate_category_mapper};

}  // namespace cycloid
