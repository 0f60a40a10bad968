// Every rule by name. A rule is one file, rules/<rule>.cpp, which defines it and is listed in rule_list.cpp.
#pragma once

#include "rewrite/rule.h"

namespace cycloid {

extern const Rule kDropIdentity;
extern const Rule kDropCast;
extern const Rule kFoldConstants;
extern const Rule kMergeEqualNodes;
extern const Rule kComposeTransposes;
extern const Rule kDropTranspose;
extern const Rule kTransposeThroughElementwise;
extern const Rule kMoveTransposes;
extern const Rule kComposeReshapes;
extern const Rule kFoldBatchNormIntoConv;

// Loops, reductions and segments.
extern const Rule kSegmentLoop;
extern const Rule kReduceLoop;
extern const Rule kBatchLoop;
extern const Rule kBatchBranches;
extern const Rule kSegmentMasks;
extern const Rule kJoinPieces;
extern const Rule kSumOfPicks;
extern const Rule kMaskDiagonal;
extern const Rule kLowerEinsum;
extern const Rule kCountLoop;
extern const Rule kHoistFromLoop;
extern const Rule kUnrollLoop;
extern const Rule kRaiseActivations;
extern const Rule kRaiseNorms;
extern const Rule kPlainPow;
extern const Rule kDivideByPowerOfTwo;
extern const Rule kGatherToSlice;
extern const Rule kDropBroadcast;
extern const Rule kReassociateMatMul;
extern const Rule kFactorMatMul;

// Fewer nodes.
extern const Rule kDropNoOp;
extern const Rule kDropNeutral;
extern const Rule kDropRepeated;
extern const Rule kComposeCasts;
extern const Rule kPlainReshape;
extern const Rule kReadSizes;
extern const Rule kComposeSlices;
extern const Rule kComposeConcats;
extern const Rule kComposeReduces;
extern const Rule kGatherOne;
extern const Rule kReadFromConcat;
extern const Rule kDropZeroState;
extern const Rule kComposeScales;
extern const Rule kMergeParallel;
extern const Rule kMergeOverSplit;
extern const Rule kInlineIf;
extern const Rule kFoldPad;
extern const Rule kFoldScaleIntoWeights;
extern const Rule kMatMulToGemm;
extern const Rule kTransposeBetweenReshapes;
extern const Rule kRaiseAttention;
extern const Rule kAttentionByRows;
extern const Rule kRaiseRotary;
extern const Rule kMatMulToConv;
extern const Rule kConvToMatMul;
extern const Rule kSelectByMask;
extern const Rule kSlicesToSplit;
extern const Rule kOneHotProduct;
extern const Rule kMaskToWhere;
extern const Rule kComposeLinear;
extern const Rule kFactorProduct;

}  // namespace cycloid
