// Work unit (matrix or group, split, tile): `splits` parts of the panels of columns, `tiles` tiles of rows; the tile runs
// fastest.
//
// With A' and B' as the kernel sees them (qgemm_internal.h), the sum over k of (A' - a')(B' - b') is
//   sum A' B'  -  a' * sum B'  -  b' * (sum A' - k * a'),
// of which the tile begins with the second part (and the bias), and the last is taken away where b' is not 0.
#include "kernels/qgemm/qgemm.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/cpu.h"
#include "kernels/qgemm/qgemm_internal.h"

namespace cycloid::kernels {
namespace qgemm {
namespace {

// Sums of so many products of numbers of 9 bits fit 32 bits.
constexpr int64_t kMaxDepth = INT32_MAX / (255 * 255);

int64_t offset(const int64_t* table, int64_t step, int64_t i) { return table != nullptr ? table[i] : step * i; }

// The parts of a thread's scratch, in order; each at a multiple of 64. Without memory only `bytes` is found out.
struct Scratch {
  Scratch(const QgemmPlan& plan, void* memory) {
    const auto take = [&](int64_t size) {
      const size_t at = bytes;
      bytes += align_up(static_cast<size_t>(size));
      return memory == nullptr ? nullptr : static_cast<char*>(memory) + at;
    };
    const int64_t whole = whole_columns(plan), rows = plan.block_tiles * plan.tile_rows;
    start = reinterpret_cast<int32_t*>(take(4 * whole));
    scale = reinterpret_cast<float*>(take(4 * whole));
    row_sums = reinterpret_cast<int32_t*>(take(4 * rows));
    sums = reinterpret_cast<int32_t*>(
        take(plan.params.output == QgemmOutput::kInt32 ? 0 : 4 * plan.tile_rows * panel_columns(plan)));
    a = take(plan.direct && !plan.kernels->amx ? 0 : rows * row_bytes(plan) + 16);
    if (!plan.params.b_constant) {
      column_sums = reinterpret_cast<int32_t*>(take(4 * whole));
      zeros = reinterpret_cast<int32_t*>(take(4 * whole));
      panel = take(row_bytes(plan) * panel_columns(plan));
    }
  }
  int32_t* start;
  float* scale;
  int32_t* row_sums;
  int32_t* sums;
  char* a;
  int32_t* column_sums = nullptr;
  int32_t* zeros = nullptr;
  char* panel = nullptr;
  size_t bytes = 0;
};

class Runner {
 public:
  Runner(const QgemmPlan& plan, const QgemmArgs& args, int64_t matrix)
      : plan_(plan),
        p_(plan.params),
        args_(args),
        scratch_(plan, args.scratch),
        group_(p_.window ? matrix : 0),
        column_base_(group_ * p_.n),
        zero_(seen_zero(plan, args.a_zero)),
        a_(static_cast<const uint8_t*>(args.a) + (p_.window ? 0 : offset(p_.a_offsets, p_.a_step, matrix))) {
    const int64_t element = p_.output == QgemmOutput::kBytes ? 1 : 4;
    c_ = static_cast<char*>(args.c) + ((p_.window ? 0 : p_.c_step * matrix) + column_base_) * element;
    if (p_.b_constant) {
      const PackedParts parts(plan);
      packed_ = static_cast<const char*>(args.packed) + group_ * plan.group_bytes;
      column_sums_ = reinterpret_cast<const int32_t*>(packed_ + parts.sums);
      zeros_ = reinterpret_cast<const int32_t*>(packed_ + parts.zeros);
      int32_t flag = 0;
      std::memcpy(&flag, packed_ + parts.flag, sizeof(flag));
      corrects_ = flag != 0;
    } else {
      b_ = static_cast<const uint8_t*>(args.b) + offset(p_.b_offsets, p_.b_step, matrix);
      column_sums_ = scratch_.column_sums;
      zeros_ = scratch_.zeros;
      corrects_ = !plan.kernels->words && args.b_zero != (p_.b_signed ? 0 : 128);
    }
    if (p_.output != QgemmOutput::kInt32) fill_scales(args, column_base_, p_.n, whole_columns(plan), scratch_.scale);
    tile_.steps = plan.steps;
    tile_.flip = p_.a_signed && !plan.kernels->words ? 0x80808080u : 0;
    tile_.a_signed = p_.a_signed;
  }

  void run(int64_t split, int64_t begin, int64_t end) {
    const int64_t first = split * plan_.panels / plan_.splits, last = (split + 1) * plan_.panels / plan_.splits;
    const int64_t full = panel_columns(plan_), whole = whole_columns(plan_);
    if (p_.b_constant) fill_start(first * full, std::min(last * full, whole));
    for (int64_t t = begin; t < end; t += plan_.block_tiles) {
      const int64_t block_end = std::min(end, t + plan_.block_tiles);
      fill_block(tile_begin(t), tile_begin(block_end));
      for (int64_t panel = first; panel < last; ++panel) {
        const int64_t column = panel * full, width = std::min(full, whole - column);
        if (p_.b_constant) {
          tile_.b = packed_ + row_bytes(plan_) * column;
        } else {
          const int32_t zero[] = {args_.b_zero};
          pack_panel(plan_, source_of(plan_, b_, 0), column, width, zero, scratch_.panel, scratch_.column_sums + column,
                     scratch_.zeros + column);
          fill_start(column, column + width);
          tile_.b = scratch_.panel;
        }
        for (int64_t tile = t; tile < block_end; ++tile) run_tile(tile, tile_begin(t), column, width);
      }
    }
  }

 private:
  int64_t tile_begin(int64_t tile) const {
    return plan_.kernels->amx ? std::min(p_.m, tile * plan_.tile_rows) : tile * p_.m / plan_.tiles;
  }

  void fill_start(int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      const int32_t bias = args_.bias != nullptr && j < p_.n ? args_.bias[column_base_ + j] : 0;
      scratch_.start[j] = static_cast<int32_t>(static_cast<uint32_t>(bias) -
                                               static_cast<uint32_t>(zero_) * static_cast<uint32_t>(column_sums_[j]));
    }
  }

  // Rows [begin, end) of A, as the tiles want them, and their sums where they are needed.
  void fill_block(int64_t begin, int64_t end) {
    // A tile of AMX reads all its rows.
    const bool short_of_rows = plan_.kernels->amx && (end - begin) % plan_.tile_rows != 0;
    if (plan_.direct && !short_of_rows) {
      rows_ = reinterpret_cast<const char*>(a_) + (begin * row_stride() + group_offset());
      rows_stride_ = row_stride();
    } else {
      fill_rows(plan_, a_, args_.a_zero, group_, begin, end - begin, scratch_.a);
      rows_ = scratch_.a;
      rows_stride_ = row_bytes(plan_);
    }
    if (!corrects_) return;
    for (int64_t r = 0; r < end - begin; ++r) {
      const auto* row = reinterpret_cast<const uint8_t*>(rows_ + r * rows_stride_);
      int32_t sum = 0;
      if (p_.a_signed) {
        for (int64_t k = 0; k < p_.k; ++k) sum += static_cast<int8_t>(row[k]);
      } else {
        for (int64_t k = 0; k < p_.k; ++k) sum += row[k];
      }
      scratch_.row_sums[r] = sum - static_cast<int32_t>(p_.k) * args_.a_zero;
    }
  }

  int64_t row_stride() const { return p_.window ? p_.window->in_stride : p_.a_stride; }
  int64_t group_offset() const { return p_.window ? group_ * p_.k : 0; }

  void run_tile(int64_t tile, int64_t block_row, int64_t column, int64_t width) {
    const int64_t row = tile_begin(tile), rows = tile_begin(tile + 1) - row;
    const bool in_place = p_.output == QgemmOutput::kInt32;
    tile_.a = rows_ + (row - block_row) * rows_stride_;
    tile_.a_stride = rows_stride_;
    tile_.start = scratch_.start + column;
    tile_.columns = in_place ? std::min(width, p_.n - column) : width;
    tile_.c = in_place ? reinterpret_cast<int32_t*>(c_) + row * p_.c_stride + column : scratch_.sums;
    tile_.c_stride = in_place ? p_.c_stride : width;
    tile_.rows = rows;
    plan_.kernels->panels[width / plan_.kernels->lanes - 1].by_rows[rows - 1](tile_);
    if (corrects_) {
      plan_.kernels->correct(tile_.c, tile_.c_stride, rows, tile_.columns, zeros_ + column,
                             scratch_.row_sums + (row - block_row));
    }
    if (in_place) return;
    const int64_t element = p_.output == QgemmOutput::kBytes ? 1 : 4;
    const int32_t low = p_.c_signed ? -128 : 0;
    const Qpost post{.c = scratch_.sums,
                     .c_stride = width,
                     .rows = rows,
                     .columns = std::min(width, p_.n - column),
                     .scale = scratch_.scale + column,
                     .bias = args_.float_bias == nullptr ? nullptr : args_.float_bias + column_base_ + column,
                     .zero = args_.c_zero,
                     .lo = low,
                     .hi = low + 255,
                     .y = c_ + (row * p_.c_stride + column) * element,
                     .y_stride = p_.c_stride};
    (p_.output == QgemmOutput::kBytes ? plan_.kernels->to_bytes : plan_.kernels->to_floats)(post);
  }

  const QgemmPlan& plan_;
  const QgemmParams& p_;
  const QgemmArgs& args_;
  const Scratch scratch_;
  const int64_t group_, column_base_;
  const int32_t zero_;
  const uint8_t* a_;
  const uint8_t* b_ = nullptr;
  const char* packed_ = nullptr;
  const int32_t* column_sums_;
  const int32_t* zeros_;
  char* c_;
  bool corrects_ = false;
  const char* rows_ = nullptr;
  int64_t rows_stride_ = 0;
  Qtile tile_{};
};

// Output pixel i is made of input pixel i alone.
bool pointwise(const QgemmWindow& w) {
  return w.kernel_h == 1 && w.kernel_w == 1 && w.stride_h == 1 && w.stride_w == 1 && w.pad_top == 0 &&
         w.pad_left == 0 && w.out_h == w.in_h && w.out_w == w.in_w;
}

std::string invalid(const QgemmParams& p) {
  if (p.batch <= 0 || p.m <= 0 || p.n <= 0 || p.k <= 0) return "a size is not positive";
  if (p.k > kMaxDepth) return "sums that may leave 32 bits";
  if (p.c_stride < p.n || (!p.window && p.a_stride < p.k)) return "a row stride is smaller than the row";
  return {};
}

QgemmParams normal(QgemmParams p) {
  if (p.window) {
    QgemmWindow& w = *p.window;
    if (w.in_stride == 0) w.in_stride = w.in_c;
    p.batch = w.groups;
    p.m = w.batch * w.out_h * w.out_w;
    p.k = w.in_c / w.groups * w.kernel_h * w.kernel_w;
    if (p.c_stride == 0) p.c_stride = w.groups * p.n;
  }
  if (p.a_stride == 0) p.a_stride = p.k;
  if (p.b_stride == 0) p.b_stride = p.b_transposed ? p.k : p.n;
  if (p.c_stride == 0) p.c_stride = p.n;
  return p;
}

// Panels of 2 vectors need the fewest loads; narrower and wider ones where there are no more columns, or few rows.
int64_t choose_vectors(const QtileKernels& kernels, int64_t rows, int64_t columns) {
  const int64_t total = (columns + kernels.lanes - 1) / kernels.lanes;
  if (total <= 3 && kernels.panels[total - 1].max_rows > 0) return total;
  return rows <= kernels.panels[3].max_rows ? 4 : 2;
}

void configure(QgemmPlan& plan) {
  const QgemmParams& p = plan.params;
  const CpuInfo& cpu = cpu_info();
  const int64_t per_step = plan.kernels->words ? 2 : 4, multiple = plan.kernels->step_multiple;
  plan.steps = (p.k + per_step - 1) / per_step;
  plan.steps = (plan.steps + multiple - 1) / multiple * multiple;
  plan.vectors = choose_vectors(*plan.kernels, p.m, p.n);
  plan.panels = (whole_columns(plan) + panel_columns(plan) - 1) / panel_columns(plan);
  // The last panel may be narrower, and takes the same rows: narrower panels take no fewer.
  const int64_t most = plan.kernels->panels[plan.vectors - 1].max_rows;
  plan.tiles = (p.m + most - 1) / most;
  plan.tile_rows = plan.kernels->amx ? most : (p.m + plan.tiles - 1) / plan.tiles;
  plan.direct = !plan.kernels->words && row_bytes(plan) == p.k && (!p.window || pointwise(*p.window));
  const PackedParts parts(plan);
  plan.group_bytes = static_cast<int64_t>(align_up(static_cast<size_t>(parts.flag + 4)));
  if (p.b_constant) plan.packed_bytes = static_cast<size_t>(groups(plan) * plan.group_bytes);
  // The rows that all panels of a block go over should stay in half of L1; where B is packed in the run, a panel serves all.
  plan.block_tiles = std::clamp<int64_t>(cpu.l1d_bytes / 2 / (plan.tile_rows * row_bytes(plan)), 1, 64);
  if (!p.b_constant)
    plan.block_tiles = std::clamp<int64_t>(cpu.l2_bytes / 4 / (plan.tile_rows * row_bytes(plan)), 1, plan.tiles);
  plan.block_tiles = std::min(plan.block_tiles, plan.tiles);
  // Threads share the panels of a B that is packed in the run, so that each is packed once.
  plan.splits = p.threads <= 1 ? 1 : plan.panels;
  if (p.b_constant && p.threads > 1) {
    plan.splits = std::clamp<int64_t>((4 * p.threads + plan.tiles - 1) / plan.tiles, 1, plan.panels);
  }
  plan.units = p.batch * plan.splits * plan.tiles;
  plan.scratch_bytes = Scratch(plan, nullptr).bytes;
}

}  // namespace

void fill_scales(const QgemmArgs& args, int64_t first, int64_t count, int64_t whole, float* to) {
  for (int64_t j = 0; j < count; ++j)
    to[j] = args.factor == 1 ? args.scale[first + j] : args.factor * args.scale[first + j];
  std::fill(to + count, to + whole, 0.0f);
}

}  // namespace qgemm

void QgemmPlan::run(const QgemmArgs& args, int64_t begin, int64_t end) const {
  if (depthwise) return qgemm::run_depthwise(*this, args, begin, end);
  if (begin < end && kernels->enter != nullptr) kernels->enter();
  const bool entered = begin < end && kernels->leave != nullptr;
  while (begin < end) {
    const int64_t tile = begin % tiles, split = begin / tiles % splits, matrix = begin / (tiles * splits);
    const int64_t tile_end = std::min(tiles, tile + (end - begin));
    qgemm::Runner(*this, args, matrix).run(split, tile, tile_end);
    begin += tile_end - tile;
  }
  if (entered) kernels->leave();
}

std::span<const QgemmKernel> qgemm_kernels() {
  static constexpr QgemmKernel kKernels[] = {
#define CYCLOID_QGEMM(name, enumerator, condition) \
  {"qgemm." #name, Isa::enumerator, &qtile_kernels_##name, [] { return static_cast<bool>(condition); }},
#include "kernels/qgemm/manifest.inc"
#undef CYCLOID_QGEMM
  };
  return kKernels;
}

bool available(const QgemmKernel& kernel) { return isa_available(kernel.isa) && kernel.available(); }

namespace {

// A tile of AMX takes 32 rows and 64 of k whether they are there or not; it has 8 times the speed of VNNI.
bool suits(const QgemmKernel& kernel, const QgemmParams& p) { return !kernel.kernels->amx || (p.m >= 16 && p.k >= 32); }

const QgemmKernel& best_kernel(Isa isa, const QgemmParams& params) {
  const QgemmKernel* best = nullptr;
  for (const QgemmKernel& kernel : qgemm_kernels()) {
    if (kernel.isa == isa && available(kernel) && suits(kernel, params)) best = &kernel;
  }
  CYCLOID_CHECK(best != nullptr);
  return *best;
}

}  // namespace

const QtileKernels& qtile_kernels(Isa isa) { return *best_kernel(isa, {}).kernels; }

QgemmSelection configure_qgemm(const QgemmKernel& kernel, const QgemmParams& params) {
  QgemmPlan plan;
  plan.params = qgemm::normal(params);
  if (std::string reason = qgemm::invalid(plan.params); !reason.empty()) return reason;
  plan.name = kernel.name;
  plan.kernels = kernel.kernels;
  qgemm::configure(plan);
  if (plan.params.window) qgemm::configure_depthwise(plan);
  return plan;
}

QgemmSelection select_qgemm(const QgemmParams& params, Isa isa) {
  return configure_qgemm(best_kernel(isa, qgemm::normal(params)), params);
}

}  // namespace cycloid::kernels
