#include "ops/elementwise/cast.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "ops/elements.h"
#include "ops/infer.h"
#include "tensor/float8.h"

namespace cycloid {
namespace {

using Outputs = Result<std::vector<Datum>>;

// Numbers as numpy prints them: the shortest digits that read back, "1.0", "nan", "inf"; plain from 1e-4 to 1e16.
template <class T>
std::string to_text(T x) {
  if constexpr (std::is_integral_v<T>) {
    return std::to_string(x);
  } else {
    if (std::isnan(x)) return "nan";
    if (std::isinf(x)) return x < 0 ? "-inf" : "inf";
    char buffer[64];
    const T magnitude = std::fabs(x);
    const bool plain = x == 0 || (magnitude >= static_cast<T>(1e-4) && magnitude < static_cast<T>(1e16));
    const auto end = std::to_chars(buffer, buffer + sizeof(buffer), x,
                                   plain ? std::chars_format::fixed : std::chars_format::scientific)
                         .ptr;
    std::string text(buffer, end);
    if (plain && text.find('.') == std::string::npos) text += ".0";
    return text;
  }
}

Result<Tensor> to_strings(const EvalContext& context, const Tensor& from) {
  CYCLOID_ASSIGN(Tensor result, context.allocate(DType::kString, from.dims()));
  const auto to = result.mutable_data<std::string>();
  const auto write = [&](const auto& values) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = to_text(values[i]);
  };
  switch (from.dtype()) {
    case DType::kBool: {
      const auto values = load_all<std::int64_t>(from);
      for (std::size_t i = 0; i < to.size(); ++i) to[i] = values[i] != 0 ? "True" : "False";
      break;
    }
    case DType::kFloat64: write(from.data<double>()); break;
    default:
      if (wide_of(from.dtype()) == Wide::kDouble) {
        const auto wide = load_all<double>(from);
        write(std::vector<float>(wide.begin(), wide.end()));
      } else if (wide_of(from.dtype()) == Wide::kUInt64) {
        write(load_all<std::uint64_t>(from));
      } else {
        write(load_all<std::int64_t>(from));
      }
  }
  return result;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

template <class T>
Result<T> parse_number(const std::string& whole) {
  std::string_view text = trimmed(whole);
  if (text.starts_with('+')) text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) return value;
  if constexpr (std::is_floating_point_v<T>) {
    if (error == std::errc::result_out_of_range) return static_cast<T>(std::strtod(std::string(text).c_str(), nullptr));
  } else {
    CYCLOID_ASSIGN(const double number, parse_number<double>(whole));  // "1.5e3" as an integer
    if (std::fabs(number) < 9.2e18) return static_cast<T>(number);
  }
  return invalid_argument("the string '{}' is no number", whole.substr(0, 40));
}

template <class T>
Result<Tensor> from_strings(const EvalContext& context, const Tensor& from, DType to) {
  std::vector<T> values;
  for (const std::string& text : from.data<std::string>()) {
    CYCLOID_ASSIGN(const T value, parse_number<T>(text));
    values.push_back(value);
  }
  return make_tensor<T>(context, to, from.dims(), values);
}

Result<Tensor> to_float8(const Tensor& from, Tensor result, const CastOptions& options) {
  const PowerRounding rounding = options.round_mode == "up"     ? PowerRounding::kUp
                                 : options.round_mode == "down" ? PowerRounding::kDown
                                                                : PowerRounding::kNearest;
  const std::vector<double> values = load_all<double>(from);
  auto* to = reinterpret_cast<std::uint8_t*>(result.mutable_bytes());
  for (std::size_t i = 0; i < values.size(); ++i) {
    to[i] = float_to_float8(result.dtype(), static_cast<float>(values[i]), options.saturate, rounding);
  }
  return result;
}

Result<CastOptions> parse_options(const Node& node) {
  CastOptions options;
  CYCLOID_ASSIGN(const std::int64_t saturate, get_int(node, "saturate", 1));
  options.saturate = saturate != 0;
  CYCLOID_ASSIGN(options.round_mode, get_string(node, "round_mode", "up"));
  if (options.round_mode != "up" && options.round_mode != "down" && options.round_mode != "nearest") {
    return invalid_model("attribute 'round_mode' is '{}', but must be 'up', 'down' or 'nearest'", options.round_mode);
  }
  return options;
}

Status infer_as(InferContext& context, DType to) {
  CYCLOID_TRY(check_tensor(context, 0));
  CYCLOID_TRY(parse_options(context.node()));
  const Shape* shape = shape_of(context, 0);
  context.set_output(0, tensor_type(to, shape != nullptr ? std::optional(*shape) : std::nullopt));
  if (to == DType::kInt64 || to == DType::kInt32) {
    if (auto data = context.shape_data(0)) context.set_shape_data(0, *std::move(data));
  }
  return {};
}

Status infer_cast(InferContext& context) {
  CYCLOID_ASSIGN(const DType to, get_dtype(context.node(), "to"));
  if (to == DType::kUndefined) return invalid_model("it needs the attribute 'to'");
  return infer_as(context, to);
}

Outputs evaluate_cast(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const DType to, get_dtype(context.node(), "to"));
  CYCLOID_ASSIGN(const CastOptions options, parse_options(context.node()));
  CYCLOID_ASSIGN(Tensor result, cast(context, *x, to, options));
  return std::vector<Datum>{std::move(result)};
}

Status infer_cast_like(InferContext& context) {
  CYCLOID_TRY(check_tensor(context, 1));
  return infer_as(context, dtype_of(context, 1));
}

Outputs evaluate_cast_like(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const Tensor* like, context.tensor(1));
  CYCLOID_ASSIGN(const CastOptions options, parse_options(context.node()));
  CYCLOID_ASSIGN(Tensor result, cast(context, *x, like->dtype(), options));
  return std::vector<Datum>{std::move(result)};
}

Status infer_bit_cast(InferContext& context) {
  CYCLOID_ASSIGN(const DType to, get_dtype(context.node(), "to"));
  if (to == DType::kUndefined) return invalid_model("it needs the attribute 'to'");
  const DType from = dtype_of(context, 0);
  if (from != DType::kUndefined && bits_of(from) != bits_of(to)) {
    return invalid_model("the bits of {} are not those of a {}", to_string(from), to_string(to));
  }
  const Shape* shape = shape_of(context, 0);
  context.set_output(0, tensor_type(to, shape != nullptr ? std::optional(*shape) : std::nullopt));
  return {};
}

Outputs evaluate_bit_cast(EvalContext& context) {
  CYCLOID_ASSIGN(const Tensor* x, context.tensor(0));
  CYCLOID_ASSIGN(const DType to, get_dtype(context.node(), "to"));
  if (bits_of(x->dtype()) != bits_of(to) || size_of(to) == 0)
    return invalid_argument("the types have different widths");
  CYCLOID_ASSIGN(Tensor result, context.allocate(to, x->dims()));
  if (x->byte_count() != 0) std::memcpy(result.mutable_bytes(), x->bytes(), x->byte_count());
  if (bits_of(to) < 8) {  // a byte holds the sign-extended or the plain number
    const int spare = 8 - bits_of(to);
    auto* bytes = reinterpret_cast<std::uint8_t*>(result.mutable_bytes());
    for (std::int64_t i = 0; i < result.element_count(); ++i) {
      const auto high = static_cast<std::uint8_t>(bytes[i] << spare);
      bytes[i] = is_signed_integer(to) ? static_cast<std::uint8_t>(static_cast<std::int8_t>(high) >> spare)
                                       : static_cast<std::uint8_t>(high >> spare);
    }
  }
  return std::vector<Datum>{std::move(result)};
}

}  // namespace

Result<DType> get_dtype(const Node& node, std::string_view attribute, DType fallback) {
  CYCLOID_ASSIGN(const std::int64_t number, get_int(node, attribute, static_cast<std::int64_t>(fallback)));
  if (number < 0 || number >= kDTypeCount)
    return unsupported("attribute '{}' is {}, which names no element type this build knows", attribute, number);
  return static_cast<DType>(number);
}

Result<Tensor> cast(const EvalContext& context, const Tensor& from, DType to, const CastOptions& options) {
  if (from.dtype() == to) return from;
  if (kComplexes.contains(from.dtype()) || kComplexes.contains(to))
    return unsupported("there is no cast of complex numbers");
  if (to == DType::kString) return to_strings(context, from);
  if (from.dtype() == DType::kString) {
    switch (wide_of(to)) {
      case Wide::kDouble: return from_strings<double>(context, from, to);
      case Wide::kUInt64: return from_strings<std::uint64_t>(context, from, to);
      case Wide::kInt64: return from_strings<std::int64_t>(context, from, to);
    }
  }
  CYCLOID_ASSIGN(Tensor result, context.allocate(to, from.dims()));
  if (is_float8(to)) return to_float8(from, std::move(result), options);
  constexpr std::int64_t kChunk = 1024;
  const auto copy = [&]<class T>(T) {
    std::vector<T> buffer;
    for (std::int64_t at = 0; at < from.element_count(); at += kChunk) {
      buffer.resize(static_cast<std::size_t>(std::min(kChunk, from.element_count() - at)));
      load<T>(from, at, buffer);
      store<T>(result, at, std::span<const T>(buffer));
    }
  };
  switch (wide_of(from.dtype())) {
    case Wide::kDouble: copy(double{}); break;
    case Wide::kUInt64: copy(std::uint64_t{}); break;
    case Wide::kInt64: copy(std::int64_t{}); break;
  }
  return result;
}

constinit const Op kCast{
    .name = "Cast",
    .since = 28,
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer_cast,
    .evaluate = evaluate_cast,
    .dtypes = kAllDTypes - kComplexes,
};

constinit const Op kCastLike{
    .name = "CastLike",
    .since = 25,
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = infer_cast_like,
    .evaluate = evaluate_cast_like,
    .dtypes = kAllDTypes - kComplexes,
};

constinit const Op kBitCast{
    .name = "BitCast",
    .since = 26,
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer_bit_cast,
    .evaluate = evaluate_bit_cast,
    .dtypes = kAllDTypes - kStrings,
};

}  // namespace cycloid
