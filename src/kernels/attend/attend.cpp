#include "kernels/attend/attend.h"

#include <algorithm>
#include <cstring>

#include "base/aligned.h"
#include "base/check.h"
#include "kernels/igemm/igemm_shape.h"
#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

constexpr int64_t kFloat = sizeof(float);

// Up to so many queries the dot products with the keys as they lie cost less than transposing the keys: 16 keys of 64
// elements take about 110 cycles a query as dot products and 256 + 38 a query transposed (AVX-512).
constexpr int64_t kDotRows = 3;

// One product of the rows with a panel of B, in tiles.
struct TileLoop {
  const IgemmKernels& igemm;
  const float** pointers;

  void run(IgemmTile tile, const float* a, int64_t a_step, int64_t rows, float* c, int64_t width) const {
    const IgemmPanel& panel = igemm.panels[width / igemm.lanes - 1];
    for (int64_t r = 0; r < rows;) {
      const int64_t count = std::min<int64_t>(panel.best_rows, rows - r);
      for (int64_t i = 0; i < count; ++i) pointers[i] = a + (r + i) * a_step;
      tile.rows = pointers;
      tile.row_pointers = count;
      tile.row_stride = tile.b_stride == width ? a_step : 0;
      tile.c = c + r * tile.c_stride;
      panel.by_rows[count - 1](tile);
      r += count;
    }
  }
};

IgemmTile empty_tile() {
  IgemmTile tile{};
  tile.taps = 1;
  tile.k_stride = 1;
  tile.c_near = true;
  return tile;
}

}  // namespace

void AttendPlan::run(const AttendArgs& args) const {
  const int64_t rows = args.row_count;
  CYCLOID_CHECK(rows <= params.rows);
  auto* const scores = static_cast<float*>(args.scratch);
  auto* const panel = reinterpret_cast<float*>(static_cast<char*>(args.scratch) + panel_offset);
  const TileLoop loop{*igemm, reinterpret_cast<const float**>(static_cast<char*>(args.scratch) + pointer_offset)};
  int64_t begin = params.keys, end = 0;
  for (int64_t r = 0; r < rows; ++r) {
    begin = std::min(begin, args.rows[r].first);
    end = std::max(end, args.rows[r].last);
  }
  if (end <= begin) {
    for (int64_t r = 0; r < rows; ++r) std::fill_n(args.y + r * args.y_step, params.v_size, 0.0F);
    return;
  }
  const int64_t keys = end - begin;
  const float* const k = args.k + begin * args.k_step;
  const float* const v = args.v + begin * args.v_step;
  if (rows <= kDotRows) {
    bodies->dots({args.q, args.q_step, rows, k, args.k_step, keys, params.size, scores, score_step});
  } else {
    const int vectors = choose_igemm_shape(*igemm, rows, keys).vectors;
    const int64_t full = static_cast<int64_t>(vectors) * igemm->lanes;
    IgemmTile tile = empty_tile();
    tile.channels = params.size;
    tile.c_stride = score_step;
    tile.b = panel;
    for (int64_t j = 0; j < keys; j += full) {
      const int64_t width = panel_width(*igemm, vectors, keys, j / full);
      tile.columns = std::min(width, keys - j);
      tile.b_stride = width;
      transpose({k + j * args.k_step, args.k_step, panel, width, params.size, tile.columns});
      for (int64_t i = 0; tile.columns < width && i < params.size; ++i)
        std::fill(panel + i * width + tile.columns, panel + (i + 1) * width, 0.0F);
      loop.run(tile, args.q, args.q_step, rows, scores + j, width);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    const AttendRow& row = args.rows[r];
    bodies->shares({scores + r * score_step, keys, std::max<int64_t>(row.first - begin, 0), row.last - begin,
                    args.scale, args.softcap, row.bias == nullptr ? nullptr : row.bias + begin});
  }
  const int vectors = choose_igemm_shape(*igemm, rows, params.v_size).vectors;
  const int64_t full = static_cast<int64_t>(vectors) * igemm->lanes;
  IgemmTile tile = empty_tile();
  tile.channels = keys;
  tile.c_stride = args.y_step;
  for (int64_t j = 0; j < params.v_size; j += full) {
    const int64_t width = panel_width(*igemm, vectors, params.v_size, j / full);
    tile.columns = std::min(width, params.v_size - j);
    tile.b = v + j;
    tile.b_stride = args.v_step;
    if (tile.columns < width) {  // whole vectors are read
      for (int64_t i = 0; i < keys; ++i) {
        std::memcpy(panel + i * width, v + i * args.v_step + j, static_cast<size_t>(tile.columns * kFloat));
        std::fill(panel + i * width + tile.columns, panel + (i + 1) * width, 0.0F);
      }
      tile.b = panel;
      tile.b_stride = width;
    }
    loop.run(tile, scores, score_step, rows, args.y + j, width);
  }
}

AttendPlan plan_attend(const AttendParams& params, Isa isa) {
  AttendPlan plan{.params = params};
  plan.igemm = &igemm_kernels(isa);
  plan.bodies = &CYCLOID_ISA_TABLE(isa, attend_bodies);
  plan.transpose = transpose_kernel(isa, sizeof(float));
  // An odd number of cache lines, so that the rows of a tile do not share sets of L1.
  plan.score_step = (params.keys + 31) / 32 * 32 + 16;
  const int64_t widest = kIgemmMaxVectors * plan.igemm->lanes;
  plan.panel_offset = align_up(static_cast<size_t>(params.rows * plan.score_step * kFloat));
  const int64_t panel =
      std::max(params.size * widest, params.v_size % plan.igemm->lanes == 0 ? 0 : params.keys * widest);
  plan.pointer_offset = plan.panel_offset + align_up(static_cast<size_t>(panel * kFloat));
  plan.scratch_bytes = plan.pointer_offset + align_up(static_cast<size_t>(params.rows) * sizeof(float*));
  return plan;
}

int64_t attend_block(int64_t queries, int64_t keys) {
  constexpr int64_t kScores = 64 * 1024;  // floats: an eighth of an L2 of 2 MB
  const int64_t most = std::clamp<int64_t>(kScores / std::max<int64_t>(keys, 1), 16, 128);
  if (queries <= most) return queries;
  const int64_t blocks = (queries + most - 1) / most;
  return (queries + blocks - 1) / blocks;
}

}  // namespace cycloid::kernels
