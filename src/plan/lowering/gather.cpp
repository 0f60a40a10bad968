// Gather, GatherElements, GatherND, ScatterElements and ScatterND.
#include "kernels/gather/gather.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/error.h"
#include "plan/lowering/gather.h"
#include "plan/lowering/lowerings.h"

namespace cycloid {
namespace {

using kernels::Indices;

// A step of an indexed kernel: what it computes is a function of the places' addresses.
struct IndexedPlaces {
  Place data, indices, y;
  std::optional<Place> updates;
};

template <class Body>
class IndexedStep final : public Step {
 public:
  IndexedStep(IndexedPlaces places, std::int64_t rows, std::int64_t each, Body body)
      : places_(std::move(places)), rows_(rows), each_(each), body_(std::move(body)) {}

  void run(const StepContext& context, std::int64_t begin, std::int64_t end) const override {
    const Indices indices{context.at<const void>(places_.indices), places_.indices.dtype == DType::kInt64};
    const std::optional<std::int64_t> outside =
        body_(context, places_, indices, begin * each_, std::min(end * each_, rows_));
    if (outside) context.run->fail(invalid_argument("index {} is outside of the axis that it counts", *outside));
  }

 private:
  IndexedPlaces places_;
  std::int64_t rows_, each_;
  Body body_;
};

// Rows a unit, so that a unit copies about 16 KB.
std::int64_t rows_of_unit(std::int64_t row_bytes) {
  return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, row_bytes));
}

template <class Body>
void add_indexed(Lowering& lowering, NodeId id, IndexedPlaces places, std::int64_t rows, std::int64_t each, Body body) {
  Lowering::Draft draft;
  draft.nodes = {id};
  draft.kernel = "gather";
  draft.reads = {places.data, places.indices};
  if (places.updates) draft.reads.push_back(*places.updates);
  draft.writes = {places.y};
  draft.units = (rows + each - 1) / each;
  // What is read of the data is what is written.
  draft.cost_ns = static_cast<double>(places.y.bytes()) / 8 + static_cast<double>(rows);
  lowering.add(std::make_unique<IndexedStep<Body>>(std::move(places), rows, each, std::move(body)), std::move(draft));
}

std::int64_t product(const Dims& dims, std::size_t begin, std::size_t end) {
  std::int64_t count = 1;
  for (std::size_t i = begin; i < end; ++i) count *= dims[i];
  return count;
}

std::optional<std::size_t> axis_of(const Node& node, std::size_t rank) {
  const Result<std::int64_t> axis = get_int(node, "axis", 0);
  if (!axis) return {};
  const auto at = static_cast<std::size_t>(*axis < 0 ? *axis + static_cast<std::int64_t>(rank) : *axis);
  return at < rank ? std::optional(at) : std::nullopt;
}

bool plain_size(std::size_t bytes) { return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8; }

// How the elements of an index tensor lie in data; a reason where the kernel has no such form.
Declined element_index(const Dims& data, const Dims& indices, std::size_t axis, std::size_t bytes,
                       kernels::ElementIndex& at) {
  if (data.empty() || data.size() != indices.size()) return "indices of another rank than the data";
  if (data.size() > kernels::kMaxIndexedRank || !plain_size(bytes))
    return "a rank or element size that the kernel has not";
  const std::size_t last = data.size() - 1;
  at.rank = static_cast<int>(last);
  at.element_bytes = static_cast<std::int64_t>(bytes);
  std::int64_t stride = 1;
  for (std::size_t i = data.size(); i-- > 0;) {
    if (i != axis && indices[i] > data[i]) return "more indices than the data has elements";
    const std::int64_t moves = i == axis ? 0 : stride;
    if (i == axis) {
      at.axis_size = data[i];
      at.axis_stride = stride;
    }
    if (i == last) {
      at.columns = indices[i];
      at.column_stride = moves;
    } else {
      at.dims[i] = indices[i];
      at.stride[i] = moves;
    }
    stride *= data[i];
  }
  return {};
}

// How tuples of indices name slices of data, after `batch` axes that both share.
Declined tuple_index(const Dims& data, const Dims& indices, std::size_t batch, std::size_t bytes,
                     kernels::TupleIndex& at) {
  if (indices.empty() || batch >= indices.size()) return "indices without tuples";
  const auto depth = static_cast<std::size_t>(indices.back());
  if (depth > kernels::kMaxIndexedRank || batch + depth > data.size()) return "tuples longer than the data's rank";
  for (std::size_t i = 0; i < batch; ++i) {
    if (data[i] != indices[i]) return "batches of other sizes";
  }
  at.depth = static_cast<int>(depth);
  auto stride = static_cast<std::int64_t>(bytes);
  for (std::size_t i = data.size(); i-- > batch;) {
    if (i < batch + depth) {
      at.size[i - batch] = data[i];
      at.stride[i - batch] = stride;
    }
    stride *= data[i];
    if (i == batch + depth) at.run_bytes = stride;
  }
  if (batch + depth == data.size()) at.run_bytes = static_cast<std::int64_t>(bytes);
  at.batch_stride = stride;
  at.per_batch = std::max<std::int64_t>(1, product(indices, batch, indices.size() - 1));
  return {};
}

bool without_reduction(const Node& node) {
  const Result<std::string> reduction = get_string(node, "reduction", "none");
  return reduction && *reduction == "none";
}

// y begins as a copy of data.
void copy_data(const StepContext& context, const IndexedPlaces& places) {
  std::memcpy(context.at<std::byte>(places.y), context.at<const std::byte>(places.data), places.data.bytes());
}

}  // namespace

Declined lower_gather(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const ValueId data = node.inputs[0];
  const Dims dims = *lowering.dims(data);
  const auto axis = axis_of(node, dims.size());
  if (!axis) return "an axis beyond the rank";
  const std::int64_t count = element_count(*lowering.dims(node.inputs[1])).value();
  const std::int64_t run =
      product(dims, *axis + 1, dims.size()) * static_cast<std::int64_t>(size_of(lowering.dtype(data)));
  const std::int64_t rows = product(dims, 0, *axis) * count, size = dims[*axis];
  IndexedPlaces places{.data = lowering.read(data, Layout::kRowMajor),
                       .indices = lowering.read(node.inputs[1], Layout::kRowMajor),
                       .y = lowering.define(node.outputs[0], Layout::kRowMajor),
                       .updates = {}};
  add_indexed(
      lowering, id, std::move(places), rows, rows_of_unit(run),
      [=](const StepContext& context, const IndexedPlaces& p, Indices indices, std::int64_t begin, std::int64_t end) {
        return kernels::gather({.data = context.at<const std::byte>(p.data),
                                .indices = indices,
                                .y = context.at<std::byte>(p.y),
                                .size = size,
                                .count = count,
                                .run_bytes = run},
                               begin, end);
      });
  return {};
}

Declined lower_gather_elements(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Dims data = *lowering.dims(node.inputs[0]), indices = *lowering.dims(node.inputs[1]);
  const auto axis = axis_of(node, data.size());
  if (!axis) return "an axis beyond the rank";
  kernels::ElementIndex at;
  if (Declined reason = element_index(data, indices, *axis, size_of(lowering.dtype(node.inputs[0])), at);
      !reason.empty())
    return reason;
  IndexedPlaces places{.data = lowering.read(node.inputs[0], Layout::kRowMajor),
                       .indices = lowering.read(node.inputs[1], Layout::kRowMajor),
                       .y = lowering.define(node.outputs[0], Layout::kRowMajor),
                       .updates = {}};
  add_indexed(
      lowering, id, std::move(places), product(indices, 0, indices.size() - 1),
      rows_of_unit(4 * at.columns * at.element_bytes),
      [at](const StepContext& context, const IndexedPlaces& p, Indices list, std::int64_t begin, std::int64_t end) {
        return kernels::gather_elements(at, context.at<const void>(p.data), list, context.at<void>(p.y), begin, end);
      });
  return {};
}

Declined lower_gather_nd(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Dims data = *lowering.dims(node.inputs[0]), indices = *lowering.dims(node.inputs[1]);
  const Result<std::int64_t> batch = get_int(node, "batch_dims", 0);
  if (!batch || *batch < 0) return "no number of batch axes";
  kernels::TupleIndex at;
  if (Declined reason =
          tuple_index(data, indices, static_cast<std::size_t>(*batch), size_of(lowering.dtype(node.inputs[0])), at);
      !reason.empty())
    return reason;
  IndexedPlaces places{.data = lowering.read(node.inputs[0], Layout::kRowMajor),
                       .indices = lowering.read(node.inputs[1], Layout::kRowMajor),
                       .y = lowering.define(node.outputs[0], Layout::kRowMajor),
                       .updates = {}};
  add_indexed(
      lowering, id, std::move(places), product(indices, 0, indices.size() - 1), rows_of_unit(at.run_bytes),
      [at](const StepContext& context, const IndexedPlaces& p, Indices list, std::int64_t begin, std::int64_t end) {
        return kernels::gather_tuples(at, context.at<const std::byte>(p.data), list, context.at<std::byte>(p.y), begin,
                                      end);
      });
  return {};
}

Declined lower_scatter(Lowering& lowering, NodeId id) {
  const Node& node = lowering.graph().node(id);
  const Dims data = *lowering.dims(node.inputs[0]), indices = *lowering.dims(node.inputs[1]);
  if (!without_reduction(node))
    return node.op_type == "ScatterElements" ? lower_scatter_elements(lowering, id) : "a reduction";
  const std::size_t bytes = size_of(lowering.dtype(node.inputs[0]));
  const bool tuples = node.op_type == "ScatterND";
  kernels::ElementIndex element;
  kernels::TupleIndex tuple;
  if (tuples) {
    if (Declined reason = tuple_index(data, indices, 0, bytes, tuple); !reason.empty()) return reason;
    Dims updates(indices.begin(), indices.end() - 1);
    updates.insert(updates.end(), data.begin() + indices.back(), data.end());
    if (*lowering.dims(node.inputs[2]) != updates) return "updates of another shape";
  } else {
    const auto axis = axis_of(node, data.size());
    if (!axis) return "an axis beyond the rank";
    if (*lowering.dims(node.inputs[2]) != indices) return "updates of another shape";
    if (Declined reason = element_index(data, indices, *axis, bytes, element); !reason.empty()) return reason;
  }
  IndexedPlaces places{.data = lowering.read(node.inputs[0], Layout::kRowMajor),
                       .indices = lowering.read(node.inputs[1], Layout::kRowMajor),
                       .y = lowering.define(node.outputs[0], Layout::kRowMajor),
                       .updates = lowering.read(node.inputs[2], Layout::kRowMajor)};
  // One unit: where indices repeat, the last one stays.
  const std::int64_t rows = product(indices, 0, indices.size() - 1);
  add_indexed(lowering, id, std::move(places), 1, 1,
              [=](const StepContext& context, const IndexedPlaces& p, Indices list, std::int64_t begin,
                  std::int64_t end) -> std::optional<std::int64_t> {
                if (begin == end) return {};
                copy_data(context, p);
                return tuples ? kernels::scatter_tuples(tuple, context.at<std::byte>(p.y), list,
                                                        context.at<const std::byte>(*p.updates), rows)
                              : kernels::scatter_elements(element, context.at<void>(p.y), list,
                                                          context.at<const void>(*p.updates), rows);
              });
  return {};
}

}  // namespace cycloid
