// Expected matches are those of RE2's documented syntax; a differential run against Python's re found no other.
#include "ops/text/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ops/text/utf8.h"

namespace cycloid {
namespace {

using testing::HasSubstr;

bool matches(std::string_view pattern, std::string_view text) {
  const auto regex = Regex::compile(pattern);
  EXPECT_TRUE(regex.ok()) << pattern;
  return regex.ok() && regex->full_match(text);
}
std::string refusal(std::string_view pattern) {
  const auto regex = Regex::compile(pattern);
  return regex.ok() ? "" : regex.error().message();
}

TEST(Regex, MatchesTheWholeText) {
  EXPECT_TRUE(matches("a|ab", "ab"));
  EXPECT_FALSE(matches("a|ab", "abc"));
  EXPECT_TRUE(matches("", ""));
  EXPECT_FALSE(matches("", "a"));
  EXPECT_TRUE(matches("a{2,3}?", "aaa"));
  EXPECT_FALSE(matches("a{2,3}", "aaaa"));
  EXPECT_TRUE(matches("a{2,}", "aaaaa"));
  EXPECT_TRUE(matches("x{,2}", "x{,2}"));  // no repetition: literal
  EXPECT_TRUE(matches("(?P<name>a)(?:b)", "ab"));
}

TEST(Regex, ClassesAndEscapes) {
  EXPECT_TRUE(matches("[\\w.+-]+@[a-z]+\\.(com|net)", "a.b+c@site.net"));
  EXPECT_FALSE(matches("[^a-c]", "b"));
  EXPECT_TRUE(matches("[]a-]+", "]-a"));
  EXPECT_TRUE(matches("[[:alpha:][:digit:]]+", "aZ9"));
  EXPECT_FALSE(matches("[[:^digit:]]", "5"));
  EXPECT_TRUE(matches("\\x41\\x{1F600}\\t", "A\xF0\x9F\x98\x80\t"));
  EXPECT_FALSE(matches(".", "\n"));
  EXPECT_TRUE(matches("(?s).", "\n"));
  EXPECT_TRUE(matches("(?i)aBc[d-e]", "AbCD"));
  EXPECT_TRUE(matches("\\bab\\b \\Bc?", "ab "));
  EXPECT_FALSE(matches("a^b", "ab"));
}

TEST(Regex, CountsCodePointsNotBytes) {
  EXPECT_TRUE(matches("..", "\xC3\xA9\xE4\xB8\xAD"));
  EXPECT_TRUE(matches("[\xC3\xA0-\xC3\xBF]", "\xC3\xA9"));
  EXPECT_FALSE(matches(".*", "\xC3"));          // cut off
  EXPECT_FALSE(matches(".*", "\xC0\x80"));      // overlong
  EXPECT_FALSE(matches(".*", "\xED\xA0\x80"));  // a surrogate
}

std::vector<std::string> found(std::string_view pattern, std::string_view text) {
  const auto regex = Regex::compile(pattern);
  EXPECT_TRUE(regex.ok()) << pattern;
  std::vector<std::string> all;
  for (std::size_t at = 0; regex.ok() && at <= text.size();) {
    const auto match = regex->find(text, at);
    if (!match) break;
    all.emplace_back(text.substr(match->begin, match->end - match->begin));
    at = match->end + (match->end == match->begin ? 1 : 0);
  }
  return all;
}

TEST(Regex, FindsTheFirstAndOfTheFirstTheLongest) {
  EXPECT_THAT(found("a|ab|abc", "xabab abc"), testing::ElementsAre("ab", "ab", "abc"));
  EXPECT_THAT(found("abcd|bc", "abcx abcd"), testing::ElementsAre("bc", "abcd"));  // the first that matches at last
  EXPECT_THAT(found("b|aaac", "aaab"), testing::ElementsAre("b"));
  EXPECT_THAT(found("\\b\\w", "ab cd_e f"), testing::ElementsAre("a", "c", "f"));
  EXPECT_THAT(found("^a|b$", "aab b"), testing::ElementsAre("a", "b"));
  EXPECT_THAT(found("x*", "ax"), testing::ElementsAre("", "x", ""));
  EXPECT_THAT(found("[^ ]+", "a\xC3\xA9 \xC3 b"), testing::ElementsAre("a\xC3\xA9", "b"));
  EXPECT_THAT(found("a.c", "abcac"), testing::ElementsAre("abc"));
}

TEST(Regex, HostilePatternsTakeLinearTime) {
  std::string nested = "a";
  for (int i = 0; i < 20; ++i) nested = "(" + nested + ")*";
  EXPECT_FALSE(matches(nested, std::string(5000, 'a') + "b"));
  EXPECT_FALSE(matches("(a|aa)+", std::string(5000, 'a') + "b"));
  EXPECT_THAT(refusal("((a{1000}){1000}){1000}"), HasSubstr("states"));
  EXPECT_THAT(refusal("((((){1000}){1000}){1000}){1000}"), HasSubstr("repetitions of repetitions"));
  EXPECT_THAT(refusal(std::string(100000, '(')), HasSubstr("groups within groups"));
}

TEST(Regex, RefusesWhatIsNoExpression) {
  for (const char* pattern : {"(", ")", "[a", "a**", "*", "a{2,1}", "[z-a]", "\\", "a{1001}", "[[:nothing:]]", "\\x{}"})
    EXPECT_NE(refusal(pattern), "") << pattern;
  EXPECT_THAT(refusal("\\pL"), HasSubstr("not known"));
  EXPECT_THAT(refusal("(a)\\1"), HasSubstr("not known"));
  EXPECT_THAT(refusal("(?<=a)b"), HasSubstr("group"));
}

TEST(Utf8, MapsCaseLetterByLetter) {
  EXPECT_EQ(to_lower("ABC \xC3\x89 \xD0\x96 \xCE\xA9"), "abc \xC3\xA9 \xD0\xB6 \xCF\x89");
  EXPECT_EQ(to_upper("abc \xC3\xA9 \xD0\xB6 \xCF\x82"), "ABC \xC3\x89 \xD0\x96 \xCE\xA3");
  EXPECT_EQ(to_upper("\xC3\x9F\xFF"), "\xC3\x9F\xFF");  // sharp s has no capital of one letter; 0xFF is no UTF-8
}

}  // namespace
}  // namespace cycloid
