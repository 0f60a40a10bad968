#include "rewrite/batching/rows.h"

#include "rewrite/sizes.h"

namespace cycloid {
namespace {

// The flat distance between neighbours along each of the first `count` axes, in rows of the axes behind.
// Nullopt: not known before the model runs.
std::optional<std::vector<std::int64_t>> strides_of(const Shape& shape, std::size_t count) {
  std::vector<std::int64_t> strides(count, 1);
  for (std::size_t k = count - 1; k > 0; --k) {
    if (!shape[k].is_known()) return std::nullopt;
    strides[k - 1] = strides[k] * shape[k].value();
  }
  return strides;
}

// base + i * stride is the flat row of iteration i; [1] each.
struct FlatRange {
  Patch::Ref base = Patch::Ref::none();
  Patch::Ref stride = Patch::Ref::none();
  Patch::Ref end = Patch::Ref::none();  // base + T * stride
};

std::optional<FlatRange> constant_range(Batcher& b, const Picked& picked) {
  const auto strides = strides_of(picked.data_shape, picked.at.size());
  if (!strides) return std::nullopt;
  std::int64_t base = 0;
  std::int64_t stride = 0;
  for (std::size_t k = 0; k < strides->size(); ++k) {
    base += (*strides)[k] * picked.affine[k]->start;
    stride += (*strides)[k] * picked.affine[k]->step;
  }
  if (stride < 1) return std::nullopt;
  const Dim& trips = b.trips().count;
  const Patch::Ref end = trips.is_known()
                             ? b.ints({base + trips.value() * stride})
                             : b.op("Add", {b.op("Mul", {b.trips().vector, b.ints({stride})}), b.ints({base})});
  return FlatRange{b.ints({base}), b.ints({stride}), end};
}

// For two axes, the second of a size that is known when the model runs.
std::optional<FlatRange> running_range(Batcher& b, const Picked& picked) {
  if (picked.at.size() != 2) return std::nullopt;
  const AffineIndex row = *picked.affine[0];
  const AffineIndex column = *picked.affine[1];
  if (row.step < 1 || column.step < 0) return std::nullopt;  // then stride >= 1
  const auto width = b.op("Shape", {picked.data}, {{"start", std::int64_t{1}}, {"end", std::int64_t{2}}});
  const auto times = [&](std::int64_t factor, std::int64_t plus) {
    Patch::Ref result = factor == 1 ? width : b.op("Mul", {width, b.ints({factor})});
    return plus == 0 ? result : b.op("Add", {result, b.ints({plus})});
  };
  const Patch::Ref stride = times(row.step, column.step);
  const Shape& shape = picked.data_shape;
  const bool whole_diagonal = row.start == 0 && column.start == 0 && row.step == 1 && column.step == 1 &&
                              shape[0] == b.trips().count && shape[1] == shape[0];
  if (whole_diagonal) return FlatRange{b.ints({0}), stride, b.ints({INT64_MAX})};
  const Patch::Ref base = row.start == 0 ? b.ints({column.start}) : times(row.start, column.start);
  Patch::Ref end = b.op("Mul", {stride, b.trips().vector});
  if (row.start != 0 || column.start != 0) end = b.op("Add", {end, base});
  return FlatRange{base, stride, end};
}

}  // namespace

bool in_range(const AffineIndex& index, const Trips& trips, const Dim& size) {
  if (index.start < 0 || index.step < 0) return false;
  if (index.step == 0 && !trips.at_least(1)) return false;
  return at_most(trips.count * index.step + (index.start - index.step + 1), size);
}

Patch::Ref rows_of(Batcher& b, const Lane& x, std::size_t axis, const std::optional<AffineIndex>& index,
                   const Patch::Ref& indices, std::size_t indices_rank) {
  const auto at = static_cast<std::int64_t>(axis);
  if (index && index->step > 0 && in_range(*index, b.trips(), x.shape[axis])) {
    const bool whole = index->start == 0 && index->step == 1 && x.shape[axis] == b.trips().count;
    if (whole) return b.to_front(x.ref, axis, x.shape.size());
    const Dim& trips = b.trips().count;
    const Patch::Ref end =
        trips.is_known()
            ? b.ints({index->start + index->step * trips.value()})
            : b.op("Add", {b.op("Mul", {b.trips().vector, b.ints({index->step})}), b.ints({index->start})});
    const auto sliced = b.op("Slice", {x.ref, b.ints({index->start}), end, b.ints({at}), b.ints({index->step})});
    return b.to_front(sliced, axis, x.shape.size());
  }
  const auto gathered = b.op("Gather", {x.ref, indices}, {{"axis", at}});
  return b.to_front(gathered, axis, x.shape.size() - 1 + indices_rank);
}

Patch::Ref picked_of(Batcher& b, const Picked& picked) {
  const std::size_t count = picked.at.size();
  bool affine = picked.in_range;
  for (const auto& index : picked.affine) affine = affine && index.has_value();
  if (affine) {
    auto range = constant_range(b, picked);
    if (!range) range = running_range(b, picked);
    if (range) {
      std::vector<std::int64_t> sizes{-1};
      bool known = true;
      for (std::size_t k = count; k < picked.data_shape.size(); ++k) {
        known = known && picked.data_shape[k].is_known() && picked.data_shape[k].value() > 0;
        sizes.push_back(known ? picked.data_shape[k].value() : 0);
      }
      Patch::Ref shape = b.ints(sizes);
      if (!known) {
        const auto rest = b.op("Shape", {picked.data}, {{"start", static_cast<std::int64_t>(count)}});
        shape = b.op("Concat", {b.ints({-1}), rest}, {{"axis", std::int64_t{0}}});
      }
      const auto flat = b.op("Reshape", {picked.data, shape});
      return b.op("Slice", {flat, range->base, range->end, b.ints({0}), range->stride});
    }
  }
  std::vector<Patch::Ref> columns;
  for (const Patch::Ref& at : picked.at) columns.push_back(b.unsqueeze(at, {1}));
  const auto indices = b.op("Concat", std::move(columns), {{"axis", std::int64_t{1}}});
  return b.op("GatherND", {picked.data, indices});
}

}  // namespace cycloid
