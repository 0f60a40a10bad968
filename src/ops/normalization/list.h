#pragma once

#include "ops/op_list.h"

namespace cycloid {

void add_channel_normalization_ops(OpList& list);  // channel.cpp
void add_layer_normalization_ops(OpList& list);    // layer.cpp
void add_lrn_ops(OpList& list);                    // lrn.cpp
void add_spread_normalization_ops(OpList& list);   // spread.cpp

}  // namespace cycloid
