#include "ops/text/utf8.h"

namespace cycloid {

char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at++);
  if (first < 0x80) return first;
  const int more = first >= 0xF0 && first < 0xF8   ? 3
                   : first >= 0xE0 && first < 0xF0 ? 2
                   : first >= 0xC0 && first < 0xE0 ? 1
                                                   : 0;
  if (more == 0 || text.size() - at < static_cast<std::size_t>(more)) return kInvalidCodePoint;
  char32_t code = first & (0x3F >> more);
  for (int i = 0; i < more; ++i) {
    const unsigned char next = byte(at + static_cast<std::size_t>(i));
    if ((next & 0xC0) != 0x80) return kInvalidCodePoint;
    code = code << 6 | (next & 0x3F);
  }
  constexpr char32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
  if (code < kLeast[more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return kInvalidCodePoint;
  at += static_cast<std::size_t>(more);
  return code;
}

void append_utf8(std::string& text, char32_t code) {
  const auto add = [&](char32_t byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (code < 0x80) return add(code);
  if (code < 0x800) {
    add(0xC0 | code >> 6);
  } else if (code < 0x10000) {
    add(0xE0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3F));
  } else {
    add(0xF0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3F));
    add(0x80 | (code >> 6 & 0x3F));
  }
  add(0x80 | (code & 0x3F));
}

namespace {

// Capital letters [first, last] whose small ones lie `offset` further; step 2: capital and small take turns.
struct Letters {
  char32_t first, last;
  char32_t offset;
  char32_t step;
};

// From the Unicode character database (UnicodeData.txt, simple case mappings).
constexpr Letters kLetters[] = {
    {U'A', U'Z', 32, 1},     {0x00C0, 0x00D6, 32, 1}, {0x00D8, 0x00DE, 32, 1}, {0x0100, 0x012E, 1, 2},
    {0x0132, 0x0136, 1, 2},  {0x0139, 0x0147, 1, 2},  {0x014A, 0x0176, 1, 2},  {0x0179, 0x017D, 1, 2},
    {0x01CD, 0x01DB, 1, 2},  {0x01DE, 0x01EE, 1, 2},  {0x01F8, 0x021E, 1, 2},  {0x0222, 0x0232, 1, 2},
    {0x0388, 0x038A, 37, 1}, {0x0391, 0x03A1, 32, 1}, {0x03A3, 0x03AB, 32, 1}, {0x0400, 0x040F, 80, 1},
    {0x0410, 0x042F, 32, 1}, {0x0460, 0x0480, 1, 2},  {0x048A, 0x04BE, 1, 2},  {0x04C1, 0x04CD, 1, 2},
    {0x04D0, 0x052E, 1, 2},  {0x0531, 0x0556, 48, 1}, {0x1E00, 0x1E94, 1, 2},  {0x1EA0, 0x1EFE, 1, 2},
};
struct Pair {
  char32_t capital, small;
};
constexpr Pair kPairs[] = {{0x0178, 0x00FF}, {0x0386, 0x03AC}, {0x038C, 0x03CC}, {0x038E, 0x03CD},
                           {0x038F, 0x03CE}, {0x04C0, 0x04CF}, {0x1E9E, 0x00DF}};

char32_t lower(char32_t c) {
  for (const Letters& l : kLetters) {
    if (c >= l.first && c <= l.last && (c - l.first) % l.step == 0) return c + l.offset;
  }
  for (const Pair& pair : kPairs) {
    if (c == pair.capital) return pair.small;
  }
  return c;
}

char32_t upper(char32_t c) {
  if (c == 0x03C2) return 0x03A3;  // final sigma
  for (const Letters& l : kLetters) {
    if (c >= l.first + l.offset && c <= l.last + l.offset && (c - l.offset - l.first) % l.step == 0)
      return c - l.offset;
  }
  for (const Pair& pair : kPairs) {
    if (c == pair.small && c != 0x00DF) return pair.capital;  // sharp s has no capital of one letter
  }
  return c;
}

template <class Map>
std::string mapped(std::string_view text, const Map& map) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t code = next_code_point(text, at);
    if (code == kInvalidCodePoint) {
      result += text[begin];
    } else {
      append_utf8(result, map(code));
    }
  }
  return result;
}

}  // namespace

std::string to_lower(std::string_view text) { return mapped(text, lower); }
std::string to_upper(std::string_view text) { return mapped(text, upper); }

}  // namespace cycloid
