#include "ops/nn/window.h"

#include <algorithm>

#include "base/error.h"

namespace cycloid {
namespace {

constexpr std::int64_t kLargest = std::int64_t{1} << 31;

Result<AutoPad> parse_auto_pad(const Node& node) {
  CYCLOID_ASSIGN(const std::string name, get_string(node, "auto_pad", "NOTSET"));
  if (name.empty() || name == "NOTSET") return AutoPad::kNotSet;
  if (name == "SAME_UPPER") return AutoPad::kSameUpper;
  if (name == "SAME_LOWER") return AutoPad::kSameLower;
  if (name == "VALID") return AutoPad::kValid;
  return invalid_model("auto_pad '{}' is none of NOTSET, SAME_UPPER, SAME_LOWER and VALID", name);
}

}  // namespace

Status check_sizes(const Dims& sizes, std::int64_t least, std::string_view what) {
  for (const std::int64_t size : sizes) {
    if (size < least || size > kLargest)
      return invalid_model("{} must be from {} to {}, but has {}", what, least, kLargest, size);
  }
  return {};
}

Result<WindowAttributes> WindowAttributes::parse(const Node& node) {
  WindowAttributes attributes;
  CYCLOID_ASSIGN(attributes.auto_pad, parse_auto_pad(node));
  CYCLOID_ASSIGN(attributes.kernel_shape, get_ints(node, "kernel_shape"));
  CYCLOID_ASSIGN(attributes.strides, get_ints(node, "strides"));
  CYCLOID_ASSIGN(attributes.dilations, get_ints(node, "dilations"));
  CYCLOID_ASSIGN(attributes.pads, get_ints(node, "pads"));
  CYCLOID_ASSIGN(const std::int64_t ceil_mode, get_int(node, "ceil_mode", 0));
  attributes.ceil_mode = ceil_mode != 0;
  CYCLOID_TRY(check_sizes(attributes.kernel_shape, 1, "kernel_shape"));
  CYCLOID_TRY(check_sizes(attributes.strides, 1, "strides"));
  CYCLOID_TRY(check_sizes(attributes.dilations, 1, "dilations"));
  CYCLOID_TRY(check_sizes(attributes.pads, 0, "pads"));
  if (attributes.pads.size() % 2 != 0)
    return invalid_model("pads must have two sizes an axis, but has {}", attributes.pads.size());
  return attributes;
}

Status WindowAttributes::check_rank(std::size_t spatial_rank) const {
  const auto check = [&](const Dims& list, std::size_t count, const char* what) -> Status {
    if (list.empty() || list.size() == count) return {};
    return invalid_model("{} has {} sizes, but {} are needed for {} spatial axes", what, list.size(), count,
                         spatial_rank);
  };
  CYCLOID_TRY(check(kernel_shape, spatial_rank, "kernel_shape"));
  CYCLOID_TRY(check(strides, spatial_rank, "strides"));
  CYCLOID_TRY(check(dilations, spatial_rank, "dilations"));
  return check(pads, 2 * spatial_rank, "pads");
}

Result<Shape> WindowAttributes::output_shape(const Shape& input, const Dims& kernel) const {
  CYCLOID_TRY(check_rank(input.size()));
  CYCLOID_TRY(check_sizes(kernel, 1, "the kernel's sizes"));
  if (kernel.size() != input.size()) {
    return invalid_model("a kernel of {} spatial axes cannot slide over {} axes", kernel.size(), input.size());
  }
  Shape output;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const Dim s = stride(i);
    if (auto_pad == AutoPad::kSameUpper || auto_pad == AutoPad::kSameLower) {
      output.push_back(Dim::ceil_div(input[i], s));
      continue;
    }
    const bool padded = auto_pad == AutoPad::kNotSet;
    const Dim begin = padded ? pad_begin(i) : 0;
    const Dim end = padded ? pad_end(i) : 0;
    const Dim span = input[i] + begin + end - ((Dim(kernel[i]) - 1) * dilation(i) + 1);
    if (span.is_known() && span.value() < 0) {
      return invalid_argument("a kernel of {} (dilation {}) is larger than the padded input: size {}, pads {} and {}",
                              kernel[i], dilation(i), input[i].to_string(), begin.to_string(), end.to_string());
    }
    if (!ceil_mode) {
      output.push_back(Dim::floor_div(span, s) + 1);
    } else {
      // A window that would start in the end padding or beyond is left out.
      output.push_back(Dim::min(Dim::ceil_div(span, s) + 1, Dim::ceil_div(input[i] + begin, s)));
    }
  }
  return output;
}

Result<Window> WindowAttributes::resolve(const Dims& input, const Dims& kernel) const {
  for (const std::int64_t size : input) {
    if (size < 0) return invalid_argument("a spatial size is {}", size);
  }
  CYCLOID_ASSIGN(const Shape shape, output_shape(to_shape(input), kernel));
  const auto dims = known_dims(shape);
  if (!dims) return invalid_argument("the output's sizes leave 64 bits");
  Window window;
  window.kernel = kernel;
  window.output = *dims;
  for (std::size_t i = 0; i < input.size(); ++i) {
    window.strides.push_back(stride(i));
    window.dilations.push_back(dilation(i));
    std::int64_t begin = auto_pad == AutoPad::kNotSet ? pad_begin(i) : 0;
    std::int64_t end = auto_pad == AutoPad::kNotSet ? pad_end(i) : 0;
    if (auto_pad == AutoPad::kSameUpper || auto_pad == AutoPad::kSameLower) {
      const Dim needed = (Dim(window.output[i]) - 1) * stride(i) + (Dim(kernel[i]) - 1) * dilation(i) + 1 - input[i];
      if (!needed.is_known()) return invalid_argument("the padding leaves 64 bits");
      const std::int64_t total = std::max<std::int64_t>(needed.value(), 0);
      const std::int64_t less = total / 2;
      begin = auto_pad == AutoPad::kSameUpper ? less : total - less;
      end = total - begin;
    }
    window.pads_begin.push_back(begin);
    window.pads_end.push_back(end);
  }
  return window;
}

}  // namespace cycloid
