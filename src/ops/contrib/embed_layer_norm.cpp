// EmbedLayerNormalization: the sum of word, position and segment embeddings, normalised by rows.
#include <cmath>

#include "base/error.h"
#include "ops/contrib/list.h"
#include "ops/elements.h"
#include "ops/linalg/product.h"
#include "ops/tensor/arguments.h"

namespace cycloid {
namespace {

constexpr DTypeSet kInt32Type{DType::kInt32};

Status infer(InferContext& context) {
  CYCLOID_ASSIGN(const ValueType ids, input_type(context, 0, kInt32Type));
  CYCLOID_TRY(optional_input_type(context, 1, kInt32Type));
  CYCLOID_ASSIGN(const ValueType words, input_type(context, 2, kFloats));
  for (const std::size_t i : {3U, 5U, 6U}) CYCLOID_TRY(input_type(context, i, kFloats));
  CYCLOID_TRY(optional_input_type(context, 4, kFloats));
  CYCLOID_TRY(check_rank(ids, 2, "input_ids"));
  CYCLOID_TRY(check_rank(words, 2, "word_embedding"));
  ValueType y = ValueType::tensor(words.dtype);
  ValueType mask = ValueType::tensor(DType::kInt32);
  if (ids.shape) {
    y.shape = *ids.shape;
    y.shape->push_back(words.shape ? (*words.shape)[1] : Dim::unknown());
    mask.shape = Shape{(*ids.shape)[0]};
  }
  if (wants_output(context, 1)) context.set_output(1, std::move(mask));
  if (wants_output(context, 2)) context.set_output(2, y);
  context.set_output(0, std::move(y));
  return {};
}

// A table of embeddings, and which of its rows each token takes.
struct Embedding {
  std::vector<double> table;
  std::int64_t rows = 0;
  std::vector<std::int64_t> ids;

  static Result<Embedding> read(const EvalContext& context, std::size_t table_input, std::int64_t size,
                                std::vector<std::int64_t> ids) {
    CYCLOID_ASSIGN(const Tensor* table, tensor_input(context, table_input, kFloats));
    if (table->rank() != 2 || table->dim(1) != size)
      return invalid_argument("input {} must have rows of {}, but its shape is {}", table_input, size,
                              to_string(table->dims()));
    for (const std::int64_t id : ids) {
      if (id < 0 || id >= table->dim(0))
        return invalid_argument("id {} is outside a table of {} embeddings", id, table->dim(0));
    }
    Embedding embedding;
    CYCLOID_ASSIGN(embedding.table, doubles(*table));
    embedding.rows = table->dim(0);
    embedding.ids = std::move(ids);
    return embedding;
  }
};

// The positions of the tokens: 0, 1, ... in each sequence, or what input 8 says.
Result<std::vector<std::int64_t>> positions(const EvalContext& context, const Dims& dims) {
  std::vector<std::int64_t> result;
  const Tensor* given = nullptr;
  if (context.input_count() > 8) {
    CYCLOID_ASSIGN(given, optional_tensor_input(context, 8, kInt32Type));
  }
  std::vector<std::int64_t> ids;
  if (given != nullptr) {
    if (given->dims() != dims && given->dims() != Dims{1, dims[1]})
      return invalid_argument("position_ids {} do not fit input_ids {}", to_string(given->dims()), to_string(dims));
    ids = to_int64s(*given);
  }
  for (std::int64_t i = 0; i < dims[0] * dims[1]; ++i)
    result.push_back(ids.empty() ? i % dims[1] : ids[static_cast<std::size_t>(i) % ids.size()]);
  return result;
}

// How many tokens of each sequence the mask (input 7) leaves; 0 without one.
Result<Tensor> mask_index(const EvalContext& context, const Dims& dims) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(dims[0]), 0);
  const Tensor* mask = nullptr;
  if (context.input_count() > 7) {
    CYCLOID_ASSIGN(mask, optional_tensor_input(context, 7, kInt32Type));
  }
  if (mask != nullptr) {
    if (mask->dims() != dims)
      return invalid_argument("mask {} does not fit input_ids {}", to_string(mask->dims()), to_string(dims));
    const std::vector<std::int64_t> kept = to_int64s(*mask);
    for (std::size_t i = 0; i < kept.size(); ++i) counts[i / static_cast<std::size_t>(dims[1])] += kept[i] == 1 ? 1 : 0;
  }
  return make_tensor<std::int64_t>(context, DType::kInt32, {dims[0]}, counts);
}

void normalize(std::vector<double>& rows, const std::vector<double>& gamma, const std::vector<double>& beta,
               double epsilon) {
  const std::size_t size = gamma.size();
  for (std::size_t first = 0; size != 0 && first < rows.size(); first += size) {
    const std::span<double> row = std::span(rows).subspan(first, size);
    double mean = 0;
    for (const double value : row) mean += value;
    mean /= static_cast<double>(size);
    double square = 0;
    for (const double value : row) square += (value - mean) * (value - mean);
    const double inverse = 1 / std::sqrt(square / static_cast<double>(size) + epsilon);
    for (std::size_t i = 0; i < size; ++i) row[i] = (row[i] - mean) * inverse * gamma[i] + beta[i];
  }
}

Result<std::vector<Datum>> evaluate(EvalContext& context) {
  CYCLOID_ASSIGN(const float epsilon, get_float(context.node(), "epsilon", 1e-12F));
  CYCLOID_ASSIGN(const Tensor* ids, tensor_input(context, 0, kInt32Type));
  CYCLOID_ASSIGN(const Tensor* segment_ids, optional_tensor_input(context, 1, kInt32Type));
  CYCLOID_ASSIGN(const Tensor* words, tensor_input(context, 2, kFloats));
  CYCLOID_ASSIGN(const Tensor* gamma, tensor_input(context, 5, kFloats));
  CYCLOID_ASSIGN(const Tensor* beta, tensor_input(context, 6, kFloats));
  CYCLOID_TRY(check_rank(*ids, 2, "input_ids"));
  CYCLOID_TRY(check_rank(*words, 2, "word_embedding"));
  const std::int64_t size = words->dim(1);
  if (gamma->dims() != Dims{size} || beta->dims() != Dims{size})
    return invalid_argument("gamma and beta must have shape [{}]", size);
  std::vector<Embedding> embeddings;
  CYCLOID_ASSIGN(Embedding word, Embedding::read(context, 2, size, to_int64s(*ids)));
  embeddings.push_back(std::move(word));
  CYCLOID_ASSIGN(std::vector<std::int64_t> places, positions(context, ids->dims()));
  CYCLOID_ASSIGN(Embedding position, Embedding::read(context, 3, size, std::move(places)));
  embeddings.push_back(std::move(position));
  if (segment_ids != nullptr) {
    if (segment_ids->dims() != ids->dims())
      return invalid_argument("segment_ids {} do not fit input_ids {}", to_string(segment_ids->dims()),
                              to_string(ids->dims()));
    CYCLOID_ASSIGN(Embedding segment, Embedding::read(context, 4, size, to_int64s(*segment_ids)));
    embeddings.push_back(std::move(segment));
  }
  const Dims dims{ids->dim(0), ids->dim(1), size};
  CYCLOID_TRY(concrete(to_shape(dims)));
  CYCLOID_TRY(check_fits(context, DType::kFloat64, dims));
  std::vector<double> rows(static_cast<std::size_t>(*element_count(dims)));
  for (const Embedding& embedding : embeddings) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto each = static_cast<std::size_t>(size);
      rows[i] += embedding.table[static_cast<std::size_t>(embedding.ids[i / each]) * each + i % each];
    }
  }
  std::vector<Datum> data(context.output_count());
  if (wants_output(context, 2)) {
    CYCLOID_ASSIGN(data[2], make_tensor<double>(context, words->dtype(), dims, rows));
  }
  CYCLOID_ASSIGN(const std::vector<double> scale, doubles(*gamma));
  CYCLOID_ASSIGN(const std::vector<double> shift, doubles(*beta));
  normalize(rows, scale, shift, static_cast<double>(epsilon));
  CYCLOID_ASSIGN(data[0], make_tensor<double>(context, words->dtype(), dims, rows));
  if (wants_output(context, 1)) {
    CYCLOID_ASSIGN(data[1], mask_index(context, ids->dims()));
  }
  return data;
}

}  // namespace

const Op kEmbedLayerNormalization = {.domain = kMicrosoft,
                                     .name = "EmbedLayerNormalization",
                                     .min_inputs = 1,
                                     .max_inputs = 9,
                                     .max_outputs = 3,
                                     .infer = infer,
                                     .evaluate = evaluate,
                                     .dtypes = kInt32Type};

}  // namespace cycloid
