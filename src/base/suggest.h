// The known word nearest to a mistyped one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cycloid {

// The number of insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`
// (optimal string alignment distance).
int edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `word`, or "" when none is near enough to be a likely slip: more than a third of the
// longer word, and at least one change, would differ. Of equally near ones the first; where there
// is none, the first that has `word`, of four letters or more, as a part.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// " (did you mean 'x'?)" of the nearest, for the end of a message; "" where there is none.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace cycloid
