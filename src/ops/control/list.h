// The operators that run subgraphs.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kIf;
extern const Op kLoop;
extern const Op kScan;
extern const Op kSequenceMap;

}  // namespace cycloid
