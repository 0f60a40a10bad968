#include "cli/input_spec.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace cycloid {
namespace {

Result<Dims> parse_dims(std::string_view text, std::string_view whole, std::string_view option) {
  Dims dims;
  if (text == "scalar") return dims;
  for (;;) {
    const std::size_t end = std::min(text.find_first_of("x,"), text.size());
    const std::string_view word = text.substr(0, end);
    std::int64_t size = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), size);
    if (error != std::errc{} || stop != word.data() + word.size() || size < 0) {
      return invalid_argument("{} {}: '{}' is no size; write NAME=5x3x64x64 or NAME=5x3x64x64:float32", option, whole,
                              word);
    }
    dims.push_back(size);
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
  if (!element_count(dims)) return invalid_argument("{} {}: more elements than 64 bits can count", option, whole);
  return dims;
}

}  // namespace

Result<InputSpec> parse_input_spec(std::string_view text, std::string_view option) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) {
    return invalid_argument("{} {}: expected NAME=SHAPE, such as data=1x3x224x224", option, text);
  }
  InputSpec spec;
  spec.name = text.substr(0, equals);
  std::string_view shape = text.substr(equals + 1);
  if (const std::size_t colon = shape.find(':'); colon != std::string_view::npos) {
    const std::string_view dtype = shape.substr(colon + 1);
    spec.dtype = parse_dtype(dtype);
    if (!spec.dtype)
      return invalid_argument("{} {}: '{}' is no element type; float32 or int64 are", option, text, dtype);
    shape = shape.substr(0, colon);
  }
  CYCLOID_ASSIGN(spec.dims, parse_dims(shape, text, option));
  return spec;
}

Result<InputFile> parse_input_file(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size()) {
    return invalid_argument("--input-data {}: expected NAME=FILE.npy", text);
  }
  return InputFile{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

}  // namespace cycloid
