// File names for tensors' names, which come from models and are not to be trusted.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace cycloid {

// Letters, digits and "._-" of `name`, anything else as '_', no leading dot, at most 100 characters: never a path,
// never hidden, never empty. "../../x" gives "_.._x".
std::string file_name_of(std::string_view name);

// The same, with "_2", "_3", ... appended where it is in `taken`; adds it there.
std::string unique_file_name(std::string_view name, std::set<std::string>& taken);

}  // namespace cycloid
