// The operators of sequences and optionals.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kConcatFromSequence;
extern const Op kOptional;
extern const Op kOptionalGetElement;
extern const Op kOptionalHasElement;
extern const Op kSequenceAt;
extern const Op kSequenceConstruct;
extern const Op kSequenceEmpty;
extern const Op kSequenceErase;
extern const Op kSequenceInsert;
extern const Op kSequenceLength;
extern const Op kSplitToSequence;

}  // namespace cycloid
