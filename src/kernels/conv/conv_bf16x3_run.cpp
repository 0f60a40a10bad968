// The run of conv_bf16x3.cpp's units.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/conv/conv_bf16x3.h"

namespace cycloid::kernels::conv_bf16x3 {
namespace {

float join_float(const uint16_t* parts, int64_t stride) {
  float sum = 0;
  for (int64_t part = kBf16x3Parts - 1; part >= 0; --part) {
    const uint32_t bits = static_cast<uint32_t>(parts[part * stride]) << 16;
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    sum += value;
  }
  return sum;
}

class Runner {
 public:
  Runner(const ConvPlan& plan, const ConvArgs& args)
      : plan_(plan),
        p_(plan.params),
        args_(args),
        table_(bodies(plan)),
        epilogue_(p_.activation, p_.has_residual, p_.residual_last),
        far_(far_weights(plan)),
        large_(large_weights(plan)),
        padded_h_(padded_h(p_)),
        padded_w_(padded_w(p_)),
        layout_(plan) {
    char* const scratch = static_cast<char*>(args.scratch);
    rows_[0] = scratch;
    rows_[1] = scratch + layout_.block;
    pixels_ = scratch + layout_.pixels;
    pixel_list_ = reinterpret_cast<Bf16x3Pixel*>(scratch + layout_.pixel_list);
    row_list_ = reinterpret_cast<const void**>(scratch + layout_.row_list);
    make_.pixels = pixel_list_;
    make_.rows = row_list_;
    make_.floats = p_.in_c;
    make_.granules = granules(plan);
    make_.taps = plan.taps;
    make_.blocks = sum_blocks(plan);
    make_.row_bytes = row_bytes(plan);
    make_.pieces = plan.taps == 1            ? ceil_div(make_.blocks, kBf16x3Piece)
                   : make_.granules % 2 == 0 ? plan.taps
                                             : make_.blocks;
    if (plan.taps == 1) return;
    auto* const offsets = reinterpret_cast<int64_t*>(scratch + layout_.offsets);
    for (int64_t tap = 0; tap < plan.taps; ++tap)
      offsets[tap] =
          (tap / p_.kernel_w * p_.dilation_h * padded_w_ + tap % p_.kernel_w * p_.dilation_w) * pixel_bytes(plan);
    make_.offsets = offsets;
  }

  // Panels [begin, end) of a block; `next` is the block behind, or negative.
  void run(int64_t block, int64_t begin, int64_t end, int64_t next) {
    if (large_) next = -1;  // one block's rows at a time
    const int64_t first = block * plan_.tile_rows, count = rows_of(block);
    const int64_t passes = ceil_div(count, kBf16x3Panel);
    const bool made = block == next_block_;
    if (!made) {
      plan_rows(block);
      table_.make(make_, made_rows(std::min(kBf16x3Panel, count)));
    }
    const char* const rows = rows_[block_turn_];
    const int64_t shares = (end - begin - !made) * passes;  // of the next block's rows
    int64_t share = 0;
    for (int64_t panel = begin; panel < end; ++panel) {
      const bool makes_own = panel == begin && !made;
      if (panel == begin + !made && next >= 0) {
        block_turn_ = 1 - block_turn_;
        next_block_ = next;
        plan_rows(next);
      }
      for (int64_t pass = 0; pass < passes; ++pass) {
        int64_t until = 0;
        if (makes_own) {
          until = made_rows(std::min(count, (pass + 2) * kBf16x3Panel));
        } else if (next >= 0) {
          until = made_rows(make_.row_count) * ++share / shares;
        }
        add_up(panel, first + pass * kBf16x3Panel, std::min(kBf16x3Panel, count - pass * kBf16x3Panel),
               rows + pass * kBf16x3Panel * make_.row_bytes, until, pass, passes, far_ && (!made || large_));
      }
    }
    if (next >= 0 && next != next_block_) {  // there was one panel, and it made its own rows
      block_turn_ = 1 - block_turn_;
      next_block_ = next;
      plan_rows(next);
      table_.make(make_, made_rows(make_.row_count));
    }
  }

  // What is left of the results that were computed last.
  void store_last() {
    if (!pending_) return;
    pending_ = false;
    Bf16x3Results& s = results_[1 - turn_];
    while (s.done < s.rows) {
      table_.finish(s);
      if (s.done == s.rows) break;
      if (!has_nan(pixel_ + s.done)) sum_again(c_[1 - turn_] + s.done * kBf16x3Panel, pixel_ + s.done, s.tile.columns);
      s.checked = s.done;
    }
    if (!epilogue_.post) return;
    const float* residual = p_.has_residual ? args_.residual + pixel_ * p_.residual_stride + column_ : nullptr;
    epilogue_.finish(*plan_.igemm, s.tile, s.rows, column_, residual);
  }

 private:
  int64_t rows_of(int64_t block) const { return std::min(plan_.tile_rows, pixels(p_) - block * plan_.tile_rows); }
  bool inside(int64_t y, int64_t x) const { return y >= 0 && y < p_.in_h && x >= 0 && x < p_.in_w; }
  const float* input(int64_t image, int64_t y, int64_t x) const {
    return args_.in + ((image * p_.in_h + y) * p_.in_w + x) * p_.in_stride;
  }

  // Bf16x3Make::done when so many rows are made.
  int64_t made_rows(int64_t rows) const { return make_.pixel_count + rows * make_.pieces; }

  // What has to be made for a block, to rows_[block_turn_].
  void plan_rows(int64_t block) {
    const int64_t first = block * plan_.tile_rows, count = rows_of(block);
    make_.done = make_.row = make_.piece = 0;
    make_.pixel_count = 0;
    make_.row_count = count;
    make_.to = rows_[block_turn_];
    if (plan_.taps > 1) list_pixels(first, count);
    int64_t x = first % p_.out_w, row = first / p_.out_w;
    int64_t y = row % p_.out_h, image = row / p_.out_h;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t in_y = y * p_.stride_h, in_x = x * p_.stride_w;
      if (plan_.taps > 1) {
        row_list_[i] = pixels_ + ((image * padded_h_ + in_y - first_row_) * padded_w_ + in_x) * pixel_bytes(plan_);
      } else {
        const bool is_inside = inside(in_y - p_.pad_top, in_x - p_.pad_left);
        row_list_[i] = is_inside ? input(image, in_y - p_.pad_top, in_x - p_.pad_left) : nullptr;
      }
      if (++x < p_.out_w) continue;
      x = 0;
      if (++y < p_.out_h) continue;
      y = 0;
      ++image;
    }
  }

  // All pixels in the windows of `count` output pixels.
  void list_pixels(int64_t first, int64_t count) {
    const PaddedRows rows = padded_rows(p_, first, first + count);
    first_row_ = rows.begin;
    const int64_t bytes = pixel_bytes(plan_);
    char* to = pixels_;
    Bf16x3Pixel* pixel = pixel_list_;
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      const int64_t image = row / padded_h_, y = row % padded_h_ - p_.pad_top;
      for (int64_t x = -p_.pad_left; x < padded_w_ - p_.pad_left; ++x, ++pixel, to += bytes)
        *pixel = {inside(y, x) ? input(image, y, x) : nullptr, to};
    }
    make_.pixel_count = pixel - pixel_list_;
  }

  // One pass: 32 rows, made already, by a panel.
  void add_up(int64_t panel, int64_t pixel, int64_t rows, const char* a, int64_t make_until, int64_t pass,
              int64_t passes, bool fetches) {
    const int64_t column = panel * kBf16x3Panel, columns = std::min(kBf16x3Panel, p_.out_c - column);
    const char* const b = static_cast<const char*>(args_.packed) + panel * panel_bytes(plan_, kBf16x3Panel);
    const int64_t bytes = panel_bytes(plan_, columns), lines = fetches ? bytes / kBf16x3Line : 0;
    float* const c = c_[turn_];
    table_.sum[rows > kBf16x3Tile][columns > kBf16x3Tile]({
        .a = a,
        .a_row = make_.row_bytes,
        .b = b,
        .blocks = make_.blocks,
        .c = c,
        .last = pending_ ? &results_[1 - turn_] : nullptr,
        .make = make_until > make_.done ? &make_ : nullptr,
        .make_until = make_until,
        // The panel behind, in parts; behind the last one, in a plan, lie the weights of the next layer.
        .fetch = b + bytes + pass * lines / passes * kBf16x3Line,
        .fetch_lines = (pass + 1) * lines / passes - pass * lines / passes,
    });
    store_last();
    Bf16x3Results& results = results_[turn_];
    results.c = c;
    results.done = 0;
    results.rows = rows;
    results.checked = -1;
    IgemmTile& tile = results.tile;
    tile.columns = columns;
    tile.bias = bias_of(plan_, args_.packed) + column;
    tile.residual_stride = p_.residual_stride;
    tile.c_stride = p_.out_stride;
    epilogue_.set(tile, column);
    tile.residual = epilogue_.residual_in_body ? args_.residual + pixel * p_.residual_stride + column : nullptr;
    tile.c = args_.out + pixel * p_.out_stride + column;
    pixel_ = pixel;
    column_ = column;
    pending_ = true;
    turn_ = 1 - turn_;
  }

  // Calls use(tap, channels) for the taps of a pixel's window; null where they are outside the input.
  template <class Use>
  void for_window(int64_t pixel, Use use) const {
    const int64_t row = pixel / p_.out_w, image = row / p_.out_h;
    const int64_t top = row % p_.out_h * p_.stride_h - p_.pad_top, left = pixel % p_.out_w * p_.stride_w - p_.pad_left;
    for (int64_t tap = 0; tap < plan_.taps; ++tap) {
      const int64_t y = top + tap / p_.kernel_w * p_.dilation_h, x = left + tap % p_.kernel_w * p_.dilation_w;
      use(tap, inside(y, x) ? input(image, y, x) : nullptr);
    }
  }

  // Whether a pixel's window has a NaN: then all its sums are.
  bool has_nan(int64_t pixel) const {
    bool found = false;
    for_window(pixel, [&](int64_t, const float* in) {
      for (int64_t k = 0; in != nullptr && k < p_.in_c; ++k) found |= std::isnan(in[k]);
    });
    return found;
  }

  // The sums of a pixel that are NaN, in whose window there is none: there is an infinity, or a sum is beyond all floats.
  void sum_again(float* c, int64_t pixel, int64_t columns) const {
    const auto* const packed = static_cast<const uint16_t*>(args_.packed);
    for (int64_t j = 0; j < columns; ++j) {
      if (!std::isnan(c[j])) continue;
      float sum = 0;
      for_window(pixel, [&](int64_t tap, const float* in) {
        for (int64_t k = 0; k < p_.in_c; ++k) {
          const PackedPlace place = packed_place(plan_, tap * plan_.channels + k, column_ + j);
          sum += (in == nullptr ? 0 : in[k]) * join_float(packed + place.at, place.part);
        }
      });
      c[j] = sum;
    }
  }

  const ConvPlan& plan_;
  const ConvParams& p_;
  const ConvArgs& args_;
  const Bf16x3Bodies& table_;
  const Epilogue epilogue_;
  const bool far_;    // weights are not in L2 when the run begins,
  const bool large_;  // nor when the next block does
  const int64_t padded_h_, padded_w_;
  const Scratch layout_;
  char* rows_[2];            // A of a block, and of the next
  int block_turn_ = 0;       // whose rows are being made
  int64_t next_block_ = -1;  // whose rows have been made during another's sums
  char* pixels_;             // parts of the padded images' rows from first_row_ on, where the window has several taps
  int64_t first_row_ = 0;
  Bf16x3Pixel* pixel_list_;
  const void** row_list_;
  Bf16x3Make make_{};
  // Results are stored while the next ones are computed.
  alignas(64) float c_[2][kBf16x3Panel * kBf16x3Panel];
  Bf16x3Results results_[2]{};
  int turn_ = 0;
  bool pending_ = false;
  int64_t pixel_ = 0, column_ = 0;  // of the results that were computed last
};

}  // namespace

void run(const ConvPlan& plan, const ConvArgs& args, int64_t begin, int64_t end) {
  if (begin >= end) return;
  Runner runner(plan, args);
  const Bf16x3Bodies& table = bodies(plan);
  table.enter();
  while (begin < end) {
    const int64_t block = begin / plan.splits, split = begin % plan.splits;
    const int64_t last = std::min(plan.splits, split + end - begin);
    begin += last - split;
    runner.run(block, split * plan.panels / plan.splits, last * plan.panels / plan.splits,
               begin < end ? block + 1 : -1);
  }
  runner.store_last();
  table.leave();
}

}  // namespace cycloid::kernels::conv_bf16x3
