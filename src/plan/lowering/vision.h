// Lowerings of operators on images that exports of detectors, segmenters and generators contain beside the common ones.
#pragma once

#include "plan/lowering/lowering.h"

namespace cycloid {

Declined lower_affine_grid(Lowering& lowering, NodeId id);
Declined lower_col2im(Lowering& lowering, NodeId id);
Declined lower_deform_conv(Lowering& lowering, NodeId id);
Declined lower_max_roi_pool(Lowering& lowering, NodeId id);
Declined lower_max_unpool(Lowering& lowering, NodeId id);

}  // namespace cycloid
