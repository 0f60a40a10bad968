// The lowerings, each in the file of its family; list.cpp gives them their operators.
#pragma once

#include "plan/lowering/lowering.h"

namespace cycloid {

Declined lower_batch_normalization(Lowering& lowering, NodeId id);
Declined lower_binary(Lowering& lowering, NodeId id);
Declined lower_by_amounts(Lowering& lowering, NodeId id);  // Pad, Slice, ... by what is computed in the run
Declined lower_byte_max_pool(Lowering& lowering, NodeId id);
Declined lower_cast_half(Lowering& lowering, NodeId id);
Declined lower_concat(Lowering& lowering, NodeId id);
Declined lower_conv(Lowering& lowering, NodeId id);
// Takes what lower_conv() has no kernel for; the reason where it does not.
Declined lower_conv_columns(Lowering& lowering, NodeId id, const std::string& reason);
Declined lower_conv_integer(Lowering& lowering, NodeId id);
Declined lower_conv_transpose(Lowering& lowering, NodeId id);
Declined lower_depth_to_space(Lowering& lowering, NodeId id);
Declined lower_dequantize(Lowering& lowering, NodeId id);
Declined lower_dynamic_quantize(Lowering& lowering, NodeId id);
Declined lower_dynamic_quantize_lstm(Lowering& lowering, NodeId id);
Declined lower_dynamic_quantize_matmul(Lowering& lowering, NodeId id);
Declined lower_gemm(Lowering& lowering, NodeId id);
Declined lower_grid_sample(Lowering& lowering, NodeId id);
Declined lower_group_normalization(Lowering& lowering, NodeId id);
Declined lower_layer_normalization(Lowering& lowering, NodeId id);
Declined lower_lrn(Lowering& lowering, NodeId id);
Declined lower_lp_pool(Lowering& lowering, NodeId id);
Declined lower_matmul(Lowering& lowering, NodeId id);
Declined lower_matmul_integer(Lowering& lowering, NodeId id);
Declined lower_matmul_integer_to_float(Lowering& lowering, NodeId id);
Declined lower_matmul_nbits(Lowering& lowering, NodeId id);
Declined lower_pad(Lowering& lowering, NodeId id);
// Takes what lower_pool() has no kernel for; the reason where it does not.
Declined lower_plane_pool(Lowering& lowering, NodeId id, const std::string& reason);
Declined lower_pool(Lowering& lowering, NodeId id);
Declined lower_prelu(Lowering& lowering, NodeId id);
Declined lower_qgemm(Lowering& lowering, NodeId id);
Declined lower_qlinear_binary(Lowering& lowering, NodeId id);
Declined lower_qlinear_concat(Lowering& lowering, NodeId id);
Declined lower_qlinear_conv(Lowering& lowering, NodeId id);
Declined lower_qlinear_global_pool(Lowering& lowering, NodeId id);
Declined lower_qlinear_matmul(Lowering& lowering, NodeId id);
Declined lower_qlinear_softmax(Lowering& lowering, NodeId id);
Declined lower_qlinear_unary(Lowering& lowering, NodeId id);
Declined lower_qlinear_where(Lowering& lowering, NodeId id);
Declined lower_quantize(Lowering& lowering, NodeId id);
Declined lower_reduce(Lowering& lowering, NodeId id);
Declined lower_resize(Lowering& lowering, NodeId id);
Declined lower_roi_align(Lowering& lowering, NodeId id);
Declined lower_scatter_elements(Lowering& lowering, NodeId id);
Declined lower_slice(Lowering& lowering, NodeId id);
Declined lower_softmax(Lowering& lowering, NodeId id);
Declined lower_split(Lowering& lowering, NodeId id);
Declined lower_transpose(Lowering& lowering, NodeId id);
Declined lower_typed_gemm(Lowering& lowering, NodeId id);    // of float64 and integers
Declined lower_typed_matmul(Lowering& lowering, NodeId id);  // the same
Declined lower_unary(Lowering& lowering, NodeId id);
Declined lower_view(Lowering& lowering, NodeId id);

// What waits_for_user() asks: an integer Clip of a scatter's indices; a Transpose of an operand of a binary function.
bool clip_waits_for_scatter(const Lowering& lowering, NodeId id);
bool transpose_waits_for_binary(const Lowering& lowering, NodeId id);

// Lowers a Reshape that begins a channel shuffle of a channels-last tensor, with the nodes after it; false where it does not.
bool lower_channel_shuffle(Lowering& lowering, NodeId id);
// Lowers a Reshape that begins a shuffle in two groups of which each half of the channels is then used, with the nodes after it.
bool lower_shuffled_split(Lowering& lowering, NodeId id);
// Lowers a Concat of two halves of the channels that are shuffled in two groups right away, with the shuffle; false where it is
// none.
bool lower_shuffled_concat(Lowering& lowering, NodeId id);

}  // namespace cycloid
