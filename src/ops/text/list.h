// The operators on strings.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kRegexFullMatch;
extern const Op kStringConcat;
extern const Op kStringNormalizer;
extern const Op kStringSplit;
extern const Op kTfIdfVectorizer;

}  // namespace cycloid
