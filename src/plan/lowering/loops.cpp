#include "plan/lowering/loops.h"

namespace cycloid {

std::vector<std::int64_t> strides_of(const Place& place) {
  const Dims& dims = place.dims;
  std::vector<std::int64_t> strides(dims.size());
  std::int64_t stride = place.layout == Layout::kRowMajor ? 1 : place.pixel_stride;
  for (std::size_t i = dims.size(); i-- > 0;) {
    const bool channel = place.layout == Layout::kChannelsLast && i == 1;
    strides[i] = channel ? 1 : stride;
    if (!channel) stride *= dims[i];
  }
  return strides;
}

std::vector<std::int64_t> broadcast_strides(const Place& place, const Dims& dims) {
  std::vector<std::int64_t> strides(dims.size(), 0);
  const std::size_t lead = dims.size() - place.dims.size();
  const std::vector<std::int64_t> own = strides_of(place);
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (place.dims[i] != 1) strides[lead + i] = own[i];
  }
  return strides;
}

std::vector<Loop> loops_over(const Place& y, const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
  const std::vector<std::int64_t> own = broadcast_strides(y, y.dims);
  std::vector<Loop> loops;
  const auto push = [&](std::size_t i) { loops.push_back({y.dims[i], {a[i], b[i], own[i]}}); };
  for (std::size_t i = 0; i < y.dims.size(); ++i) {
    if (y.layout == Layout::kRowMajor || i != 1) push(i);
  }
  if (y.layout == Layout::kChannelsLast) push(1);
  return join_loops(loops);
}

}  // namespace cycloid
