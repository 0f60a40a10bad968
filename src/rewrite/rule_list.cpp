#include <array>

#include "rewrite/rules/rules.h"

namespace cycloid {
namespace {

// The order matters for what is found first, not for what is found: the driver sweeps until nothing changes. What makes
// the graph smaller comes first, so that later rules see the plain form.
constexpr std::array kRules = {
    &kDropIdentity,
    &kDropCast,
    &kFoldConstants,
    &kMergeEqualNodes,
    &kDropTranspose,
    &kComposeTransposes,
    &kTransposeThroughElementwise,
    &kMatMulToConv,
    &kConvToMatMul,
    &kMoveTransposes,
    &kComposeReshapes,
    &kTransposeBetweenReshapes,
    &kFoldBatchNormIntoConv,
    // Loops, reductions and segments.
    &kCountLoop,
    &kSegmentLoop,
    &kReduceLoop,
    &kBatchLoop,
    &kSelectByMask,
    &kSegmentMasks,
    &kBatchBranches,
    &kJoinPieces,
    &kSlicesToSplit,
    &kSumOfPicks,
    &kMaskDiagonal,
    &kLowerEinsum,
    &kHoistFromLoop,
    &kUnrollLoop,
    &kRaiseActivations,
    &kRaiseNorms,
    &kRaiseRotary,
    &kRaiseAttention,
    &kAttentionByRows,
    &kPlainPow,
    &kDivideByPowerOfTwo,
    &kGatherToSlice,
    &kDropBroadcast,
    &kOneHotProduct,
    &kMaskToWhere,
    &kComposeLinear,
    &kReassociateMatMul,
    &kFactorMatMul,
    &kFactorProduct,
    // Fewer nodes.
    &kDropNoOp,
    &kDropNeutral,
    &kDropRepeated,
    &kComposeCasts,
    &kPlainReshape,
    &kReadSizes,
    &kComposeSlices,
    &kComposeConcats,
    &kComposeReduces,
    &kGatherOne,
    &kReadFromConcat,
    &kDropZeroState,
    &kComposeScales,
    &kMergeParallel,
    &kMergeOverSplit,
    &kInlineIf,
    &kFoldPad,
    &kFoldScaleIntoWeights,
    &kMatMulToGemm,
};

}  // namespace

std::span<const Rule* const> all_rules() { return kRules; }

}  // namespace cycloid
