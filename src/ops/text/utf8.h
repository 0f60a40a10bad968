// UTF-8 text as code points, and the case of letters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cycloid {

inline constexpr char32_t kInvalidCodePoint = 0xFFFFFFFF;

// The code point that begins at `at`, which moves behind it. kInvalidCodePoint, and one byte further, where the bytes are
// no UTF-8: overlong forms, surrogates and what lies beyond U+10FFFF included. Needs at < text.size().
char32_t next_code_point(std::string_view text, std::size_t& at);
void append_utf8(std::string& text, char32_t code_point);

// One letter for one letter, independent of any locale, for the Latin, Greek, Cyrillic and Armenian alphabets; what is no
// letter of these, and bytes that are no UTF-8, stay.
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);

}  // namespace cycloid
