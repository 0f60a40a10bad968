// What the expansions of expand_composites() have in common: a node that is being taken apart, and the nodes put before it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "tensor/tensor.h"

namespace cycloid {

class Expanding {
 public:
  Expanding(Graph& graph, NodeId at) : graph_(graph), at_(at), node_(graph.node(at)) {}

  Graph& graph() { return graph_; }
  // The node as it was; its inputs and outputs are its own until give() and done().
  const Node& node() const { return node_; }

  // --- What is known of values; absent ones have no dims.
  std::optional<Dims> dims(ValueId id) const;
  DType dtype(ValueId id) const { return graph_.value(id).type.dtype; }
  ValueId input(std::size_t i) const { return i < node_.inputs.size() ? node_.inputs[i] : ValueId{}; }
  bool wants(std::size_t output) const { return output < node_.outputs.size() && node_.outputs[output].valid(); }
  bool only_first_output() const;
  // Of a float type that kernels compute with, and of known dims.
  bool usable(ValueId id) const;

  // --- Making nodes and constants.
  // The one output, of the type of input `like`.
  ValueId add(std::string op, std::vector<ValueId> inputs, const Dims& shape, Attributes attributes = {},
              std::size_t like = 0);
  // The same, of another type.
  ValueId add_typed(std::string op, DType type, std::vector<ValueId> inputs, const Dims& shape,
                    Attributes attributes = {}, std::string domain = "");
  struct Made {
    DType type;
    Dims shape;
  };
  std::vector<ValueId> add_many(std::string op, std::vector<ValueId> inputs, const std::vector<Made>& outputs,
                                Attributes attributes = {});
  // A constant scalar of a float type.
  ValueId number(double value, DType type);
  ValueId sizes(const Dims& shape) { return graph_.add_constant("sizes", int64s(shape)); }
  ValueId reshaped(ValueId x, const Dims& shape);                       // x itself where it has the shape
  ValueId permuted(ValueId x, const std::vector<std::int64_t>& order);  // x itself where the order is the same
  ValueId transposed(ValueId x);                                        // the last two axes swapped

  // --- The end: the node's output i is `result` from here on; then the node goes.
  void give(std::size_t i, ValueId result);
  void done() { graph_.erase_node(at_); }

 private:
  std::string name_of_outputs() const;  // the first one's that is wanted

  Graph& graph_;
  NodeId at_;
  Node node_;
};

// Each changes nothing where the node is of a form that it does not take.
void expand_array_feature_extractor(Expanding& e);
void expand_attention(Expanding& e);  // com.microsoft's
void expand_attention_scores(Expanding& e);
void expand_batch_normalization(Expanding& e);
void expand_binarizer(Expanding& e);
void expand_celu(Expanding& e);
void expand_center_crop_pad(Expanding& e);
void expand_clip(Expanding& e);
void expand_col2im(Expanding& e);
void expand_conv_transpose(Expanding& e);
void expand_dequantize(Expanding& e);
void expand_dft(Expanding& e);
void expand_einsum(Expanding& e);
void expand_embed_layer_normalization(Expanding& e);
void expand_eye_like(Expanding& e);
void expand_feature_vectorizer(Expanding& e);
void expand_fused_conv(Expanding& e);
void expand_fused_gemm(Expanding& e);
void expand_fused_matmul(Expanding& e);
void expand_global_lp_pool(Expanding& e);
void expand_global_pool(Expanding& e);
void expand_imputer(Expanding& e);
void expand_is_inf(Expanding& e);
void expand_layer_normalization(Expanding& e);
void expand_lp_normalization(Expanding& e);
void expand_lp_pool(Expanding& e);
void expand_matmul_nbits(Expanding& e);
void expand_mean(Expanding& e);
void expand_mean_variance(Expanding& e);
void expand_multi_head_attention(Expanding& e);
void expand_one_hot_encoder(Expanding& e);
void expand_qattention(Expanding& e);
void expand_quantize(Expanding& e);
void expand_reduce_log_sum(Expanding& e);
void expand_reduce_log_sum_exp(Expanding& e);
void expand_relu(Expanding& e);
void expand_selu(Expanding& e);
void expand_shrink(Expanding& e);
void expand_softmax(Expanding& e);
void expand_stft(Expanding& e);
void expand_to_signed(Expanding& e);
void expand_to_wider(Expanding& e);
void expand_trilu(Expanding& e);

}  // namespace cycloid
