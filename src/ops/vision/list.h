// The operators on images and boxes: sampling at positions that the data say, regions of interest, and the inverse of
// pooling and of image-to-column.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kAffineGrid;
extern const Op kCol2Im;
extern const Op kDeformConv;
extern const Op kGridSample;
extern const Op kMaxRoiPool;
extern const Op kMaxUnpool;
extern const Op kNonMaxSuppression;
extern const Op kRoiAlign;

}  // namespace cycloid
