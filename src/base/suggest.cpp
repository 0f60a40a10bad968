#include "base/suggest.h"

#include <algorithm>

namespace cycloid {

int edit_distance(std::string_view a, std::string_view b) {
  const std::size_t columns = b.size() + 1;
  std::vector<int> distances((a.size() + 1) * columns);
  const auto at = [&](std::size_t i, std::size_t j) -> int& { return distances[i * columns + j]; };
  for (std::size_t i = 0; i <= a.size(); ++i) at(i, 0) = static_cast<int>(i);
  for (std::size_t j = 0; j <= b.size(); ++j) at(0, j) = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int substitution = at(i - 1, j - 1) + (a[i - 1] == b[j - 1] ? 0 : 1);
      at(i, j) = std::min({at(i - 1, j) + 1, at(i, j - 1) + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
      }
    }
  }
  return at(a.size(), b.size());
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  int best_distance = 0;
  for (const std::string& candidate : candidates) {
    const int limit = std::max<int>(1, static_cast<int>(std::max(word.size(), candidate.size()) / 3));
    const int distance = edit_distance(word, candidate);
    if (distance <= limit && (best.empty() || distance < best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  // A part of a name, such as "transpose".
  constexpr std::size_t kLeastPart = 4;
  if (best.empty() && word.size() >= kLeastPart) {
    const auto found = std::ranges::find_if(
        candidates, [&](const std::string& candidate) { return candidate.find(word) != std::string::npos; });
    if (found != candidates.end()) best = *found;
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string near = nearest(word, candidates);
  return near.empty() ? near : " (did you mean '" + near + "'?)";
}

}  // namespace cycloid
