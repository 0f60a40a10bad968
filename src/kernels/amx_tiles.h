// AMX's tile registers as *_avx512amx.cpp use them: 0 to 3 sums (rows 0-15 and 16-31, columns 0-15 and 16-31), 4 and 5 A, 6 and 7 B.
// All are 16 rows of 64 bytes.
#pragma once

#include "kernels/simd.h"

namespace cycloid::kernels {
namespace {

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr TileConfig kTileConfig;

void enter_tiles() { _tile_loadconfig(&kTileConfig); }
void leave_tiles() { _tile_release(); }

}  // namespace
}  // namespace cycloid::kernels
