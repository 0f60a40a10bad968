// The lists of operators, one a family. Each family's list.cpp names its operators; op_list.cpp joins the families.
#pragma once

#include <vector>

#include "ops/op.h"

namespace cycloid {

using OpList = std::vector<const Op*>;

// Each adds the operators of its family to `list`, in any order.
void add_activation_ops(OpList& list);
void add_contrib_ops(OpList& list);
void add_control_ops(OpList& list);
void add_elementwise_ops(OpList& list);
void add_generator_ops(OpList& list);
void add_linalg_ops(OpList& list);
void add_logical_ops(OpList& list);
void add_loss_ops(OpList& list);
void add_ml_ops(OpList& list);
void add_nn_ops(OpList& list);
void add_normalization_ops(OpList& list);
void add_quantization_ops(OpList& list);
void add_recurrent_ops(OpList& list);
void add_reduce_ops(OpList& list);
void add_sequence_ops(OpList& list);
void add_signal_ops(OpList& list);
void add_tensor_ops(OpList& list);
void add_text_ops(OpList& list);
void add_training_ops(OpList& list);
void add_vision_ops(OpList& list);

}  // namespace cycloid
