// Work unit (matrix, split, tile): `splits` parts of the panels of columns, `tiles` tiles of rows; the tile runs
// fastest. Packed memory: per panel [k][width].
//
// A run-time B is packed panel by panel into scratch, by each thread that comes to the panel (splits = panels, so most
// panels belong to one thread). Where A has so few rows that a panel would be used only once or twice, a B stored
// [k][n] is read in place, and one stored [n][k] is not packed either: each element of C is a product of two rows.
#include "kernels/gemm/gemm.h"

#include <algorithm>
#include <cstring>

#include "base/aligned.h"
#include "base/check.h"
#include "kernels/igemm/epilogue.h"
#include "kernels/igemm/igemm_shape.h"
#include "kernels/isa_table.h"
#include "kernels/move/transpose.h"

namespace cycloid::kernels {
namespace {

constexpr int64_t kFloat = sizeof(float);

// Rows this far apart share one set of L1 (64 sets of 64 bytes, 8 to 12 ways): the rows of a tile would push each other
// out at every step of the sum. Such rows of A are copied to scratch, spread.
constexpr int64_t kAliasBytes = 4096;

// Floats from row to row of the copy: an odd number of cache lines, plus room.
int64_t copy_stride(const GemmPlan& plan) { return (plan.k_block + 31) / 32 * 32 + 16; }

std::string invalid(const GemmParams& p) {
  if (p.batch <= 0 || p.m <= 0 || p.n <= 0 || p.k <= 0) return "a size is not positive";
  if (p.a_stride < (p.a_transposed ? p.m : p.k) || p.b_stride < (p.b_transposed ? p.k : p.n) || p.c_stride < p.n ||
      (p.has_residual && p.residual_stride < p.n)) {
    return "a row stride is smaller than the row";
  }
  if (p.activation.kind == ActivationKind::kPRelu && p.activation.slope == nullptr) return "PRelu without slopes";
  return {};
}

GemmParams normal(GemmParams p) {
  if (p.a_stride == 0) p.a_stride = p.a_transposed ? p.m : p.k;
  if (p.b_stride == 0) p.b_stride = p.b_transposed ? p.k : p.n;
  if (p.c_stride == 0) p.c_stride = p.n;
  if (p.residual_stride == 0) p.residual_stride = p.n;
  return p;
}

// Copies columns [first, first + columns) of alpha * op(B), rows [k_begin, k_end), to [k][width], padded with zeros.
void pack_panel(const GemmPlan& plan, const float* b, int64_t first, int64_t width, int64_t k_begin, int64_t k_end,
                float* to) {
  const GemmParams& p = plan.params;
  const int64_t columns = std::min(width, p.n - first);
  if (!p.b_transposed) {
    for (int64_t k = k_begin; k < k_end; ++k, to += width) {
      const float* row = b + k * p.b_stride + first;
      if (p.alpha == 1) {
        std::memcpy(to, row, static_cast<size_t>(columns * kFloat));
      } else {
        for (int64_t j = 0; j < columns; ++j) to[j] = p.alpha * row[j];
      }
      std::fill(to + columns, to + width, 0.0f);
    }
    return;
  }
  // Blocks along k: the part of the panel that is written stays in L1.
  constexpr int64_t kBlock = 64;
  for (int64_t k0 = k_begin; k0 < k_end; k0 += kBlock) {
    const int64_t count = std::min(kBlock, k_end - k0);
    float* block = to + (k0 - k_begin) * width;
    plan.transpose({b + first * p.b_stride + k0, p.b_stride, block, width, count, columns});
    for (int64_t k = 0; k < count; ++k) {
      float* row = block + k * width;
      for (int64_t j = 0; p.alpha != 1 && j < columns; ++j) row[j] *= p.alpha;
      std::fill(row + columns, row + width, 0.0f);
    }
  }
}

int64_t offset(const int64_t* table, int64_t step, int64_t i) { return table != nullptr ? table[i] : step * i; }

// One range of tiles of one matrix: the loops over blocks, panels and tiles.
class Runner {
 public:
  Runner(const GemmPlan& plan, const GemmArgs& args, int64_t matrix)
      : plan_(plan),
        p_(plan.params),
        epilogue_(p_.activation, p_.has_residual, p_.residual_last),
        pointers_(static_cast<const float**>(args.scratch)),
        panel_(reinterpret_cast<float*>(static_cast<char*>(args.scratch) + pointer_bytes(plan))),
        copy_(reinterpret_cast<float*>(reinterpret_cast<char*>(panel_) + panel_bytes(plan))),
        a_(args.a + offset(p_.a_offsets, p_.a_step, matrix)),
        b_(args.b == nullptr ? nullptr : args.b + offset(p_.b_offsets, p_.b_step, matrix)),
        packed_(static_cast<const float*>(args.packed)),
        bias_(p_.has_bias ? args.bias : nullptr),
        residual_(p_.has_residual ? args.residual + p_.residual_step * matrix : nullptr),
        c_(args.c + p_.c_step * matrix) {
    shape_.rows = p_.m;
    shape_.tiles = plan.tiles;
    tile_.taps = 1;
    tile_.residual_stride = p_.residual_stride;
    tile_.c_stride = p_.c_stride;
  }

  static size_t pointer_bytes(const GemmPlan& plan) {
    return align_up(static_cast<size_t>(plan.block_tiles * plan.tile_rows) * sizeof(float*));
  }

  static size_t panel_bytes(const GemmPlan& plan) {
    if (plan.params.b_constant) return 0;
    return align_up(static_cast<size_t>(plan.k_block * plan.vectors * plan.igemm->lanes * kFloat));
  }
  static size_t copy_bytes(const GemmPlan& plan) {
    if (!plan.copy_a) return 0;
    return align_up(static_cast<size_t>(plan.block_tiles * plan.tile_rows * copy_stride(plan) * kFloat));
  }

  void run(int64_t split, int64_t begin, int64_t end) {
    const int64_t panel_begin = split * plan_.panels / plan_.splits;
    const int64_t panel_end = (split + 1) * plan_.panels / plan_.splits;
    for (int64_t t = begin; t < end; t += plan_.block_tiles) {
      const int64_t block_end = std::min(end, t + plan_.block_tiles);
      for (int64_t k = 0; k < p_.k; k += plan_.k_block) {
        const int64_t k_end = std::min(p_.k, k + plan_.k_block);
        point(t, block_end, k, k_end);
        for (int64_t panel = panel_begin; panel < panel_end; ++panel) run_panel(panel, t, block_end, k, k_end);
      }
    }
  }

 private:
  void point(int64_t begin, int64_t end, int64_t k, int64_t k_end) {
    const float** to = pointers_;
    tile_.k_stride = p_.a_transposed ? p_.a_stride : 1;
    tile_.channels = k_end - k;
    float* copy = copy_;
    for (int64_t r = shape_.tile_begin(begin); r < shape_.tile_begin(end); ++r) {
      if (plan_.copy_a) {
        std::memcpy(copy, a_ + r * p_.a_stride + k, static_cast<size_t>((k_end - k) * kFloat));
        *to++ = copy;
        copy += copy_stride(plan_);
        continue;
      }
      *to++ = p_.a_transposed ? a_ + k * p_.a_stride + r : a_ + r * p_.a_stride + k;
    }
  }

  void run_panel(int64_t panel, int64_t begin, int64_t end, int64_t k, int64_t k_end) {
    const int64_t full = plan_.vectors * plan_.igemm->lanes, column = panel * full;
    const int64_t width = panel_width(*plan_.igemm, static_cast<int>(plan_.vectors), p_.n, panel);
    tile_.columns = std::min(width, p_.n - column);
    tile_.b_stride = width;
    if (p_.b_constant) {
      tile_.b = packed_ + column * p_.k + k * width;
    } else if (plan_.b_in_place && tile_.columns == width) {
      tile_.b = b_ + k * p_.b_stride + column;
      tile_.b_stride = p_.b_stride;
    } else {
      pack_panel(plan_, b_, column, width, k, k_end, panel_);
      tile_.b = panel_;
    }
    tile_.row_stride = p_.a_transposed || tile_.b_stride != width ? 0 : plan_.copy_a ? copy_stride(plan_) : p_.a_stride;
    tile_.accumulate = k > 0;
    tile_.bias = bias_ == nullptr ? nullptr : bias_ + column;
    const bool last = k_end == p_.k;
    epilogue_.set(tile_, column);
    if (!last) tile_.activation = nullptr;
    const IgemmFn* by_rows = plan_.igemm->panels[width / plan_.igemm->lanes - 1].by_rows;
    const int64_t block_row = shape_.tile_begin(begin);
    for (int64_t t = begin; t < end; ++t) {
      const int64_t row = shape_.tile_begin(t), rows = shape_.tile_begin(t + 1) - row;
      const float* residual = residual_ == nullptr ? nullptr : residual_ + row * p_.residual_stride + column;
      tile_.rows = pointers_ + (row - block_row);
      tile_.row_pointers = rows;
      tile_.residual = last && epilogue_.residual_in_body ? residual : nullptr;
      tile_.c = c_ + row * p_.c_stride + column;
      tile_.next = t > begin ? tile_.b : nullptr;  // the panel came with the first tile
      by_rows[rows - 1](tile_);
      if (last && epilogue_.post) epilogue_.finish(*plan_.igemm, tile_, rows, column, residual);
    }
  }

  const GemmPlan& plan_;
  const GemmParams& p_;
  const Epilogue epilogue_;
  IgemmShape shape_;
  IgemmTile tile_{};
  const float** pointers_;
  float* panel_;
  float* copy_;
  const float* a_;
  const float* b_;
  const float* packed_;
  const float* bias_;
  const float* residual_;
  float* c_;
};

// More rows than this are worth packing B for.
constexpr int64_t kDotRows = 8;

void configure_dot(GemmPlan& plan, Isa isa) {
  const GemmParams& p = plan.params;
  plan.dot = CYCLOID_ISA_TABLE(isa, dot);
  // A part is at least a few tens of KiB of B, to be worth a thread's while.
  const int64_t most = std::clamp<int64_t>(p.n * p.k / 8192, 1, p.n);
  plan.splits = p.threads <= 1 ? 1 : std::clamp<int64_t>(4 * p.threads, 1, most);
  plan.tiles = 1;
  plan.units = p.batch * plan.splits;
}

void configure(GemmPlan& plan, Isa isa) {
  const GemmParams& p = plan.params;
  const CpuInfo& cpu = cpu_info();
  plan.igemm = &igemm_kernels(isa);
  plan.transpose = transpose_kernel(isa, kFloat);
  if (!p.b_constant && p.b_transposed && !p.a_transposed && p.m <= kDotRows) return configure_dot(plan, isa);
  const IgemmShape shape = choose_igemm_shape(*plan.igemm, p.m, p.n, p.panel_vectors);
  plan.vectors = shape.vectors;
  plan.tiles = shape.tiles;
  plan.panels = shape.panels;
  plan.tile_rows = shape.tile_rows;
  const int64_t full = plan.vectors * plan.igemm->lanes;
  plan.b_in_place = !p.b_constant && !p.b_transposed && p.alpha == 1 && plan.tiles <= 2;

  // A panel that several tiles use should stay in half of L2; k is cut where it would not.
  plan.k_block = p.k;
  const int64_t fits = std::max<int64_t>(256, cpu.l2_bytes / 2 / (full * kFloat));
  if (plan.tiles > 1 && p.k > fits) {
    const int64_t blocks = (p.k + fits - 1) / fits;
    plan.k_block = (p.k + blocks - 1) / blocks;
  }
  // The rows of A that all panels of a block go over should stay in a quarter of L2. A run-time panel serves all tiles.
  const int64_t a_bytes = plan.tile_rows * plan.k_block * kFloat;
  plan.block_tiles = std::clamp<int64_t>(cpu.l2_bytes / 4 / a_bytes, 1, 64);
  if (!p.b_constant) plan.block_tiles = plan.tiles;
  plan.block_tiles = std::min(plan.block_tiles, plan.tiles);

  plan.splits =
      p.b_constant ? std::clamp<int64_t>((4 * p.threads + plan.tiles - 1) / plan.tiles, 1, plan.panels) : plan.panels;
  if (p.b_constant && p.threads <= 1) plan.splits = 1;
  plan.units = p.batch * plan.splits * plan.tiles;
  if (p.b_constant) plan.packed_bytes = align_up(static_cast<size_t>(p.k * round_up(p.n, plan.igemm->lanes) * kFloat));
  plan.copy_a = p.b_constant && !p.a_transposed && p.a_stride * kFloat % kAliasBytes == 0 && plan.tile_rows > 8 &&
                plan.panels >= 4;
  plan.scratch_bytes = Runner::pointer_bytes(plan) + Runner::panel_bytes(plan) + Runner::copy_bytes(plan);
}

}  // namespace

void GemmPlan::run_dot(const GemmArgs& args, int64_t matrix, int64_t split) const {
  const GemmParams& p = params;
  const int64_t begin = split * p.n / splits, end = (split + 1) * p.n / splits;
  const Epilogue epilogue(p.activation, p.has_residual, p.residual_last);
  const float* residual = p.has_residual ? args.residual + p.residual_step * matrix + begin : nullptr;
  IgemmTile tile{};
  epilogue.set(tile, begin);
  tile.c = args.c + p.c_step * matrix + begin;
  tile.c_stride = p.c_stride;
  tile.columns = end - begin;
  tile.residual_stride = p.residual_stride;
  dot({.a = args.a + offset(p.a_offsets, p.a_step, matrix),
       .a_stride = p.a_stride,
       .b = args.b + offset(p.b_offsets, p.b_step, matrix) + begin * p.b_stride,
       .b_stride = p.b_stride,
       .m = p.m,
       .n = end - begin,
       .k = p.k,
       .alpha = p.alpha,
       .bias = p.has_bias ? args.bias + begin : nullptr,
       .residual = epilogue.residual_in_body ? residual : nullptr,
       .residual_stride = p.residual_stride,
       .c = tile.c,
       .c_stride = p.c_stride,
       .activation = tile.activation,
       .slope = tile.slope,
       .residual_last = tile.residual_last});
  if (epilogue.post) epilogue.finish(*igemm, tile, p.m, begin, residual);
}

void GemmPlan::pack(const float* b, void* packed) const {
  CYCLOID_CHECK(params.b_constant);
  float* to = static_cast<float*>(packed);
  std::memset(packed, 0, packed_bytes);
  for (int64_t panel = 0; panel < panels; ++panel) {
    const int64_t width = panel_width(*igemm, static_cast<int>(vectors), params.n, panel);
    pack_panel(*this, b, panel * vectors * igemm->lanes, width, 0, params.k, to);
    to += params.k * width;
  }
}

void GemmPlan::run(const GemmArgs& args, int64_t begin, int64_t end) const {
  for (; dot != nullptr && begin < end; ++begin) run_dot(args, begin / splits, begin % splits);
  while (begin < end) {
    const int64_t tile = begin % tiles, split = begin / tiles % splits, matrix = begin / (tiles * splits);
    const int64_t tile_end = std::min(tiles, tile + (end - begin));
    Runner(*this, args, matrix).run(split, tile, tile_end);
    begin += tile_end - tile;
  }
}

std::span<const GemmKernel> gemm_kernels() {
  static constexpr GemmKernel kKernels[] = {
#define CYCLOID_GEMM(algorithm, isa, enumerator) {"gemm." #algorithm "." #isa, Isa::enumerator},
#include "kernels/gemm/manifest.inc"
#undef CYCLOID_GEMM
  };
  return kKernels;
}

GemmSelection select_gemm(const GemmParams& params, Isa isa) {
  GemmPlan plan;
  plan.params = normal(params);
  if (std::string reason = invalid(plan.params); !reason.empty()) return reason;
  for (const GemmKernel& kernel : gemm_kernels()) {
    if (kernel.isa == isa) plan.name = kernel.name;
  }
  if (params.panel_vectors < 0 || params.panel_vectors > kIgemmMaxVectors ||
      (params.panel_vectors > 0 && igemm_kernels(isa).panels[params.panel_vectors - 1].max_rows == 0))
    return "no register tile of the width asked for";
  configure(plan, isa);
  return plan;
}

}  // namespace cycloid::kernels
