#include "graph/text_tensor.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"

namespace cycloid {
namespace {

template <class T>
struct Element;

Result<TextLexer::Number> take_number(TextLexer& in) {
  auto number = in.number();
  if (!number) return in.expected("a number");
  return *std::move(number);
}

template <class T>
Result<T> parse_integer(TextLexer& in, std::int64_t low, std::uint64_t high) {
  if constexpr (std::is_same_v<T, bool>) {
    if (const std::string_view word = in.peek_word(); word == "true" || word == "false")
      return in.take_word() == "true";
  }
  CYCLOID_ASSIGN(const TextLexer::Number number, take_number(in));
  const char* const end = number.text.data() + number.text.size();
  std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t> value = 0;
  const auto [at, error] = std::from_chars(number.text.data(), end, value);
  if (error != std::errc() || at != end || std::cmp_less(value, low) || std::cmp_greater(value, high)) {
    return in.failure(fmt::format("'{}' before this is no integer from {} to {}", number.text, low, high));
  }
  return static_cast<T>(value);
}

template <class T>
Result<T> parse_element(TextLexer& in) {
  if constexpr (std::is_same_v<T, std::string>) {
    return in.quoted();
  } else if constexpr (std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>) {
    CYCLOID_ASSIGN(const TextLexer::Number number, take_number(in));
    if (number.is_float) {
      CYCLOID_ASSIGN(const double value, parse_float(in, number.text));
      if constexpr (std::is_same_v<T, Float16>) {
        return to_float16(static_cast<float>(value));
      } else {
        return to_bfloat16(static_cast<float>(value));
      }
    }
    std::uint16_t bits = 0;
    const char* const end = number.text.data() + number.text.size();
    const auto [at, error] = std::from_chars(number.text.data(), end, bits);
    if (error != std::errc() || at != end)
      return in.failure("the bit pattern before this does not fit 16 bits (write 1.0 for a float)");
    return T{bits};
  } else if constexpr (std::is_floating_point_v<T>) {
    CYCLOID_ASSIGN(const TextLexer::Number number, take_number(in));
    CYCLOID_ASSIGN(const double value, parse_float(in, number.text));
    if constexpr (std::is_same_v<T, float>) {  // rounded once, from the text
      float narrow = static_cast<float>(value);
      std::from_chars(number.text.data(), number.text.data() + number.text.size(), narrow);
      return narrow;
    } else {
      return value;
    }
  } else if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
    CYCLOID_ASSIGN(const auto real, parse_element<typename T::value_type>(in));
    CYCLOID_TRY(in.expect(","));
    CYCLOID_ASSIGN(const auto imaginary, parse_element<typename T::value_type>(in));
    return T(real, imaginary);
  } else {
    return parse_integer<T>(in, static_cast<std::int64_t>(std::numeric_limits<T>::min()),
                            static_cast<std::uint64_t>(std::numeric_limits<T>::max()));
  }
}

// Elements up to "}", as many as `dims` say.
template <class T, class Parse>
Result<std::vector<T>> elements(TextLexer& in, const Dims& dims, Parse parse) {
  std::vector<T> result;
  if (in.take("..."))
    return in.failure("the constant before this was elided when it was printed, and cannot be read back");
  while (in.peek() != '}') {
    auto element = parse();
    if (!element) return element.error();
    result.push_back(*std::move(element));
    if (!in.take(",")) break;
  }
  CYCLOID_TRY(in.expect("}"));
  const auto count = element_count(dims);
  if (!count || result.size() != static_cast<std::uint64_t>(*count)) {
    return in.failure(fmt::format("{} elements before this do not fit the shape {}", result.size(), to_string(dims)));
  }
  return result;
}

// float8, and types narrower than a byte: an integer an element, a bit pattern for floats.
Result<Tensor> narrow_tensor(TextLexer& in, DType dtype, const Dims& dims) {
  const int bits = bits_of(dtype);
  const bool sign = is_signed_integer(dtype);
  const std::int64_t low = sign ? -(std::int64_t{1} << (bits - 1)) : 0;
  const std::uint64_t high = (std::uint64_t{1} << (sign ? bits - 1 : bits)) - 1;
  CYCLOID_ASSIGN(const auto values,
                 elements<std::int64_t>(in, dims, [&] { return parse_integer<std::int64_t>(in, low, high); }));
  CYCLOID_ASSIGN(Tensor tensor, Tensor::empty(dtype, dims));
  std::byte* to = tensor.mutable_bytes();
  for (const std::int64_t value : values) *to++ = static_cast<std::byte>(value);
  return tensor;
}

}  // namespace

Result<double> parse_float(TextLexer& in, const std::string& text) {
  if (text == "nan" || text == "-nan") return std::numeric_limits<double>::quiet_NaN();
  const char* const end = text.data() + text.size();
  double value = 0;
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc::result_out_of_range && at == end) {
    const double near = std::strtod(text.c_str(), nullptr);  // underflow is the rounded value, overflow an error
    if (std::isfinite(near)) return near;
  }
  if (error != std::errc() || at != end) return in.failure(fmt::format("'{}' before this is no number", text));
  return value;
}

Result<Tensor> parse_tensor(TextLexer& in, DType dtype, const Dims& dims) {
  CYCLOID_TRY(in.expect("{"));
  std::optional<Result<Tensor>> result;
  const bool typed = dispatch<float, double, Float16, BFloat16, std::int8_t, std::int16_t, std::int32_t, std::int64_t,
                              std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t, bool, std::string,
                              std::complex<float>, std::complex<double>>(dtype, [&]<class T>(const T&) {
    result = [&]() -> Result<Tensor> {
      using Stored = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;
      CYCLOID_ASSIGN(const auto values, elements<Stored>(in, dims, [&]() -> Result<Stored> {
                       CYCLOID_ASSIGN(T value, parse_element<T>(in));
                       return static_cast<Stored>(std::move(value));
                     }));
      CYCLOID_ASSIGN(Tensor tensor, Tensor::empty(dtype, dims));
      const std::span<T> to = tensor.mutable_data<T>();
      for (std::size_t i = 0; i < values.size(); ++i) to[i] = static_cast<T>(values[i]);
      return tensor;
    }();
  });
  if (typed) return *std::move(result);
  if (dtype == DType::kUndefined) return in.failure("a constant needs an element type");
  return narrow_tensor(in, dtype, dims);
}

}  // namespace cycloid
