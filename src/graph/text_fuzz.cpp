// Any text: a model or an error, and what is printed of it can be parsed and prints the same.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "graph/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cycloid;
  const auto model = parse_model({reinterpret_cast<const char*>(data), size});
  if (!model) return 0;
  CYCLOID_CHECK(verify(model->graph).ok());
  const std::string once = print(*model);
  const auto again = parse_model(once);
  CYCLOID_CHECK(again.ok());
  CYCLOID_CHECK(print(*again) == once);
  return 0;
}
