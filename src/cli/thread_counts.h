// The value of --threads.
#pragma once

#include <string>
#include <vector>

#include "cycloid/result.h"

namespace cycloid {

std::vector<std::string> split(const std::string& text, char separator);

// "1,2", "1,all": counts, where all is the processors that may be used.
Result<std::vector<int>> parse_threads(const std::string& text);

}  // namespace cycloid
