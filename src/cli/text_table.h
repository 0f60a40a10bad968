// Columns of text for a terminal.
#pragma once

#include <string>
#include <vector>

namespace cycloid {

using TextRow = std::vector<std::string>;

// Rows as aligned columns, two spaces between; the first `left` columns and those from `right_end` on are text, the others
// numbers. Columns are as wide as their widest cell; nothing trails a line.
std::string text_table(const std::vector<TextRow>& rows, std::size_t left, std::size_t right_end = ~std::size_t{0});

// Names come from files: what would steer a terminal or break a line is replaced.
std::string printable(std::string text);
// At most so many characters, the last three of them dots where it was longer.
std::string cut_text(std::string text, std::size_t width = 44);

}  // namespace cycloid
