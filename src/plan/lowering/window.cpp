#include "plan/lowering/window.h"

#include <algorithm>

namespace cycloid {

Declined parse_window(const Node& node, const Dims& in, const Dims& out, std::span<const std::int64_t> kernel,
                      KernelWindow& window, bool same) {
  if ((in.size() != 3 && in.size() != 4) || out.size() != in.size())
    return "only one and two spatial dimensions are native";
  const std::size_t rank = in.size() - 2, skip = 2 - rank;
  window.rank = rank;
  const Result<std::vector<std::int64_t>> kernel_shape = get_ints(node, "kernel_shape", {kernel.begin(), kernel.end()});
  const Result<std::vector<std::int64_t>> strides = get_ints(node, "strides", std::vector<std::int64_t>(rank, 1));
  const Result<std::vector<std::int64_t>> dilations = get_ints(node, "dilations", std::vector<std::int64_t>(rank, 1));
  const Result<std::vector<std::int64_t>> pads = get_ints(node, "pads", std::vector<std::int64_t>(2 * rank, 0));
  const Result<std::string> auto_pad = get_string(node, "auto_pad", "NOTSET");
  if (!kernel_shape || !strides || !dilations || !pads || !auto_pad || kernel_shape->size() != rank ||
      strides->size() != rank || dilations->size() != rank || pads->size() != 2 * rank) {
    return "attributes that do not fit the rank";
  }
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t to = skip + i;
    window.kernel[to] = (*kernel_shape)[i];
    window.stride[to] = (*strides)[i];
    window.dilation[to] = (*dilations)[i];
    window.in[to] = in[i + 2];
    window.out[to] = out[i + 2];
    if (*auto_pad == "SAME_UPPER" || *auto_pad == "SAME_LOWER") {
      if (!same) continue;
      const std::int64_t reach = (window.kernel[to] - 1) * window.dilation[to] + 1;
      const std::int64_t total =
          std::max<std::int64_t>(0, (window.out[to] - 1) * window.stride[to] + reach - window.in[to]);
      window.pad_begin[to] = *auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
      window.pad_end[to] = total - window.pad_begin[to];
    } else if (*auto_pad != "VALID") {
      window.pad_begin[to] = (*pads)[i];
      window.pad_end[to] = (*pads)[rank + i];
    }
    if (window.pad_begin[to] < 0 || window.pad_end[to] < 0) return "negative padding";
    if (window.in[to] <= 0 || window.out[to] <= 0 || window.kernel[to] <= 0 || window.stride[to] <= 0 ||
        window.dilation[to] <= 0)
      return "an empty window or image";
  }
  return {};
}

}  // namespace cycloid
