// Numbers as people read them: three significant digits and an SI prefix.
#pragma once

#include <string>

namespace cycloid {

// "0", "999", "1.25 k", "540 M", "1.08 G"; `unit` is appended: with_unit(4.99e6, "B") is "4.99 MB".
// Without a unit there is a space before the prefix only. Values are non-negative and finite.
std::string with_unit(double value, const char* unit = "");

}  // namespace cycloid
