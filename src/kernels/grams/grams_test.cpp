#include "kernels/grams/grams.h"

#include <gtest/gtest.h>

#include "kernels/testing.h"

namespace cycloid::kernels {
namespace {

using testing::pick;
using Tokens = std::vector<int32_t>;

// Every start, distance and length, compared with every n-gram.
std::vector<float> by_search(const std::vector<Tokens>& grams, const Tokens& row, int64_t distance, int64_t least,
                             int64_t most) {
  std::vector<float> counts(grams.size(), 0.0F);
  for (size_t start = 0; start < row.size(); ++start) {
    Tokens found;
    for (size_t at = start; at < row.size(); at += static_cast<size_t>(distance)) {
      found.push_back(row[at]);
      const auto length = static_cast<int64_t>(found.size());
      if (length < least || length > most) continue;
      for (size_t g = 0; g < grams.size(); ++g) {
        // Of equal ones the last.
        bool last = grams[g] == found;
        for (size_t other = g + 1; other < grams.size(); ++other) last = last && grams[other] != grams[g];
        if (last) counts[g] += 1;
      }
    }
  }
  return counts;
}

void expect_counts(std::mt19937& random, int32_t tokens, int64_t count, int64_t longest) {
  std::vector<Tokens> grams;
  for (int64_t i = 0; i < count; ++i) {
    Tokens gram(static_cast<size_t>(pick(random, 1, longest)));
    for (int32_t& token : gram) token = static_cast<int32_t>(pick(random, 1, tokens));
    grams.push_back(gram);
  }
  std::vector<GramTable::Gram> given;
  for (size_t g = 0; g < grams.size(); ++g) given.push_back({grams[g], static_cast<int64_t>(g)});
  const GramTable table(tokens, given);
  for (const int64_t size : {0, 1, 2, 5, 60}) {
    Tokens row;
    while (static_cast<int64_t>(row.size()) < size) {
      // Pieces of n-grams, and what is in none.
      const Tokens& piece = grams[static_cast<size_t>(pick(random, 0, count - 1))];
      row.insert(row.end(), piece.begin(), piece.end());
      if (pick(random, 0, 3) == 0) row.push_back(GramTable::kNoToken);
    }
    row.resize(static_cast<size_t>(size));
    for (const int64_t distance : {1, 2, 5}) {
      for (const auto& [least, most] : {std::pair<int64_t, int64_t>{1, 1}, {1, 2}, {2, 3}, {1, 9}, {4, 4}}) {
        std::vector<float> counts(grams.size(), 0.0F);
        table.count(row.data(), size, distance, least, most, counts.data());
        EXPECT_EQ(counts, by_search(grams, row, distance, least, most))
            << size << " items, " << distance << " apart, " << least << " to " << most;
      }
    }
  }
}

TEST(Grams, CountsAsASearchDoes) {
  std::mt19937 random(1);
  for (int round = 0; round < 10; ++round) {
    expect_counts(random, 3, 20, 4);      // most n-grams share their beginnings: a table
    expect_counts(random, 5000, 400, 3);  // hashed
    expect_counts(random, 40, 30, 1);     // single items alone
    expect_counts(random, 1, 3, 3);
  }
}

}  // namespace
}  // namespace cycloid::kernels
