#include "ops/op_list.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"

namespace cycloid {
namespace {

auto key(const Op* op) { return std::tuple(op->domain, op->name); }

OpList make_list() {
  OpList list;
  add_activation_ops(list);
  add_contrib_ops(list);
  add_control_ops(list);
  add_elementwise_ops(list);
  add_generator_ops(list);
  add_linalg_ops(list);
  add_logical_ops(list);
  add_loss_ops(list);
  add_ml_ops(list);
  add_nn_ops(list);
  add_normalization_ops(list);
  add_quantization_ops(list);
  add_recurrent_ops(list);
  add_reduce_ops(list);
  add_sequence_ops(list);
  add_signal_ops(list);
  add_tensor_ops(list);
  add_text_ops(list);
  add_training_ops(list);
  add_vision_ops(list);
  std::ranges::sort(list, {}, key);
  CYCLOID_CHECK(std::ranges::adjacent_find(list, {}, key) == list.end());  // each operator is defined once
  return list;
}

const OpList& sorted_list() {
  static const OpList list = make_list();  // immutable once made
  return list;
}

}  // namespace

std::span<const Op* const> all_ops() { return sorted_list(); }

const Op* find_op(std::string_view domain, std::string_view name) {
  const OpList& list = sorted_list();
  const auto at = std::ranges::lower_bound(list, std::tuple(domain, name), {}, key);
  return at != list.end() && key(*at) == std::tuple(domain, name) ? *at : nullptr;
}

}  // namespace cycloid
