// The characters of the text form, as words, numbers, quoted texts and marks.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cycloid/result.h"

namespace cycloid {

class TextLexer {
 public:
  explicit TextLexer(std::string_view text) : text_(text) {}

  // The next character that is no space and not in a comment; '\0' at the end. It stays.
  char peek();
  bool at_end() { return peek() == '\0' && at_ >= text_.size(); }

  // Takes the mark ("(", "=>", ...) if it is next.
  bool take(std::string_view mark);
  Status expect(std::string_view mark);

  // A word of letters, digits and '_' that begins with no digit; "" where the next is none. The second leaves it there.
  std::string_view take_word();
  std::string_view peek_word();

  // "..." with \" and \\ within; needs peek() == '"'.
  Result<std::string> quoted();

  struct Number {
    std::string text;
    bool is_float = false;  // has a point or an exponent, or is inf or nan
  };
  // The number, or nullopt where the next is none.
  std::optional<Number> number();

  // Whether `mark` comes after the quoted text or word that is next.
  bool followed_by(std::string_view mark);

  std::string place();  // of the next character: "line 3, column 7"
  Error failure(std::string_view message);
  Error expected(std::string_view what);

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace cycloid
