#include "graph/text_lexer.h"

#include <algorithm>

#include "base/error.h"

namespace cycloid {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

}  // namespace

char TextLexer::peek() {
  while (at_ < text_.size()) {
    if (text_[at_] == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (is_space(text_[at_])) {
      ++at_;
    } else {
      return text_[at_];
    }
  }
  return '\0';
}

bool TextLexer::take(std::string_view mark) {
  peek();
  if (!text_.substr(std::min(at_, text_.size())).starts_with(mark)) return false;
  at_ += mark.size();
  return true;
}

Status TextLexer::expect(std::string_view mark) {
  if (take(mark)) return {};
  return expected(fmt::format("'{}'", mark));
}

std::string_view TextLexer::peek_word() {
  if (!is_letter(peek())) return {};
  std::size_t end = at_;
  while (end < text_.size() && (is_letter(text_[end]) || is_digit(text_[end]))) ++end;
  return text_.substr(at_, end - at_);
}

std::string_view TextLexer::take_word() {
  const std::string_view word = peek_word();
  at_ += word.size();
  return word;
}

Result<std::string> TextLexer::quoted() {
  if (peek() != '"') return expected("a text in quotes");
  std::string result;
  for (std::size_t i = at_ + 1; i < text_.size(); ++i) {
    if (text_[i] == '"') {
      at_ = i + 1;
      return result;
    }
    if (text_[i] == '\\') {
      ++i;
      if (i == text_.size()) break;
    }
    result += text_[i];
  }
  return failure("the text in quotes has no end");
}

std::optional<TextLexer::Number> TextLexer::number() {
  peek();
  std::size_t end = at_;
  const auto here = [&] { return end < text_.size() ? text_[end] : '\0'; };
  if (here() == '-') ++end;
  Number number;
  if (is_letter(here())) {
    const std::size_t from = end;
    while (is_letter(here()) || is_digit(here())) ++end;
    const std::string_view word = text_.substr(from, end - from);
    if (word != "inf" && word != "infinity" && word != "nan") return std::nullopt;
    number.is_float = true;
  } else {
    if (!is_digit(here()) && here() != '.') return std::nullopt;
    while (is_digit(here())) ++end;
    if (here() == '.') {
      number.is_float = true;
      ++end;
      while (is_digit(here())) ++end;
    }
    if (here() == 'e' || here() == 'E') {
      number.is_float = true;
      ++end;
      if (here() == '+' || here() == '-') ++end;
      while (is_digit(here())) ++end;
    }
  }
  number.text = text_.substr(at_, end - at_);
  at_ = end;
  return number;
}

bool TextLexer::followed_by(std::string_view mark) {
  peek();
  const std::size_t start = at_;
  if (peek() == '"') {
    if (!quoted()) return false;
  } else {
    take_word();
  }
  const bool found = at_ != start && take(mark);
  at_ = start;
  return found;
}

std::string TextLexer::place() {
  peek();
  const std::string_view before = text_.substr(0, std::min(at_, text_.size()));
  const auto line = 1 + std::ranges::count(before, '\n');
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 == 0
  return fmt::format("line {}, column {}", line, before.size() - line_start + 1);
}

Error TextLexer::failure(std::string_view message) { return invalid_argument("{}: {}", place(), message); }

Error TextLexer::expected(std::string_view what) {
  const char next = peek();
  if (at_end()) return failure(fmt::format("expected {}, but the text ends", what));
  return failure(fmt::format("expected {}, not '{}'", what, next));
}

}  // namespace cycloid
