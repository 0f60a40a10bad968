#include "ops/dtype_set.h"

#include <vector>

namespace cycloid {

std::string to_string(DTypeSet dtypes) {
  std::vector<std::string_view> names;
  for (int i = 1; i < kDTypeCount; ++i) {
    if (dtypes.contains(static_cast<DType>(i))) names.push_back(to_string(static_cast<DType>(i)));
  }
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i != 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

}  // namespace cycloid
