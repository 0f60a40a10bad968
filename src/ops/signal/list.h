// The operators on signals: Fourier transforms, windows and mel filters.
#pragma once

#include "ops/op.h"

namespace cycloid {

extern const Op kBlackmanWindow;
extern const Op kDft;
extern const Op kHammingWindow;
extern const Op kHannWindow;
extern const Op kMelWeightMatrix;
extern const Op kStft;

}  // namespace cycloid
