// The operators that look at shapes and move elements.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kCenterCropPad;
extern const Op kCompress;
extern const Op kConcat;
extern const Op kExpand;
extern const Op kFlatten;
extern const Op kGather;
extern const Op kGatherElements;
extern const Op kGatherND;
extern const Op kNonZero;
extern const Op kOneHot;
extern const Op kPad;
extern const Op kReshape;
extern const Op kReverseSequence;
extern const Op kScatterElements;
extern const Op kScatterND;
extern const Op kShape;
extern const Op kSize;
extern const Op kSlice;
extern const Op kSplit;
extern const Op kSqueeze;
extern const Op kTensorScatter;
extern const Op kTile;
extern const Op kTranspose;
extern const Op kUnique;
extern const Op kUnsqueeze;

}  // namespace cycloid
