#include "ops/text/list.h"

#include "ops/op_list.h"

namespace cycloid {

void add_text_ops(OpList& list) {
  list.insert(list.end(), {&kRegexFullMatch, &kStringConcat, &kStringNormalizer, &kStringSplit, &kTfIdfVectorizer});
}

}  // namespace cycloid
