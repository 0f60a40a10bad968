#include "kernels/amx_tiles.h"
#include "kernels/bf16x3/bf16x3.h"
#include "kernels/post_body.h"

namespace cycloid::kernels {
namespace {

// The leading 8 bits of the significand. What is left of a number has 16, and what is left of that 8.
CYCLOID_INLINE __m512 leading(__m512 x) {
  return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(static_cast<int>(0xffff0000))));
}

CYCLOID_INLINE void split_block(__m512 x, __m512 y, char* to) {
#pragma GCC unroll 3
  for (int part = 0; part < kBf16x3Parts; ++part) {
    const bool last = part + 1 == kBf16x3Parts;
    const __m512 x_part = last ? x : leading(x), y_part = last ? y : leading(y);
    _mm512_storeu_si512(to + part * kBf16x3Line, (__m512i)_mm512_cvtne2ps_pbh(y_part, x_part));
    if (last) break;
    x = _mm512_sub_ps(x, x_part);
    y = _mm512_sub_ps(y, y_part);
  }
}

// `n` floats, and zeros behind them up to `whole`, a multiple of the granule: [block][part][32].
CYCLOID_INLINE void split_row(const float* from, int64_t n, int64_t whole, char* to) {
  constexpr int64_t kStep = kBf16x3Parts * kBf16x3Line;
  int64_t k = 0;
  for (; k + kBf16x3Block <= min_of(n, whole); k += kBf16x3Block, to += kStep)
    split_block(load(from + k).v, load(from + k + 16).v, to);
  for (; k < whole; k += kBf16x3Block, to += kStep) {
    const int64_t left = max_of(0, n - k);
    split_block(load(from + k, first(min_of(16, left))).v,
                load(from + k + 16, first(min_of(16, max_of(0, left - 16)))).v, to);
  }
}

CYCLOID_INLINE __m256i half_line(const char* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
CYCLOID_INLINE void store_half(char* p, __m256i x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x); }

// Makes pixels and pieces of rows one after the other. What it needs for one is in registers or on the stack: between products of
// tiles each instruction counts.
class Maker {
 public:
  explicit Maker(Bf16x3Make* m) {
    if (m != nullptr) m_ = *m;
    from_pixels_ = m_.offsets != nullptr;
    tap_bytes_ = from_pixels_ ? m_.granules / 2 * kBf16x3Parts * kBf16x3Line : 0;
    to_ = m_.to + m_.row * m_.row_bytes;
  }
  int64_t done() const { return m_.done; }
  void put_back(Bf16x3Make& m) const {
    m.done = m_.done;
    m.row = m_.row;
    m.piece = m_.piece;
  }

  CYCLOID_INLINE void next() {
    if (m_.done < m_.pixel_count) {
      const Bf16x3Pixel pixel = m_.pixels[m_.done++];
      return split_row(pixel.from, pixel.from == nullptr ? 0 : m_.floats, m_.granules * kBf16x3Granule, pixel.to);
    }
    ++m_.done;
    const char* from = static_cast<const char*>(m_.rows[m_.row]);
    if (!from_pixels_) {
      split_piece(reinterpret_cast<const float*>(from));
    } else if (m_.granules % 2 == 0) {
      from += m_.offsets[m_.piece];
      char* const to = to_ + m_.piece * tap_bytes_;
      for (int64_t at = 0; at < tap_bytes_; at += kBf16x3Line)
        _mm512_storeu_si512(to + at, _mm512_loadu_si512(from + at));
    } else {
      copy_block(from);
    }
    if (++m_.piece < m_.pieces) return;
    m_.piece = 0;
    ++m_.row;
    to_ += m_.row_bytes;
  }

 private:
  CYCLOID_INLINE void split_piece(const float* from) const {
    const int64_t block = m_.piece * kBf16x3Piece, k = block * kBf16x3Block;
    split_row(from + k, from == nullptr ? 0 : m_.floats - k, min_of(kBf16x3Piece, m_.blocks - block) * kBf16x3Block,
              to_ + block * kBf16x3Parts * kBf16x3Line);
  }

  // Where granule g of a row's taps, laid side by side, has its first part; null behind the last.
  CYCLOID_INLINE const char* granule_of(const char* from, int64_t tap, int64_t g) const {
    return tap < m_.taps ? from + m_.offsets[tap] + g / 2 * kBf16x3Parts * kBf16x3Line + g % 2 * (kBf16x3Line / 2)
                         : nullptr;
  }

  // Where taps have half blocks.
  CYCLOID_INLINE void copy_block(const char* from) const {
    const int64_t first_granule = m_.piece * 2, tap = m_.granules == 1 ? first_granule : first_granule / m_.granules;
    const int64_t g = first_granule - tap * m_.granules;
    const bool same = g + 1 < m_.granules;
    const char* a = granule_of(from, tap, g);
    const char* b = granule_of(from, same ? tap : tap + 1, same ? g + 1 : 0);
    char* to = to_ + m_.piece * kBf16x3Parts * kBf16x3Line;
#pragma GCC unroll 3
    for (int part = 0; part < kBf16x3Parts; ++part, to += kBf16x3Line) {
      store_half(to, half_line(a + part * kBf16x3Line));
      store_half(to + kBf16x3Line / 2, b == nullptr ? _mm256_setzero_si256() : half_line(b + part * kBf16x3Line));
    }
  }

  Bf16x3Make m_{};
  bool from_pixels_;
  int64_t tap_bytes_;
  char* to_;
};

void make(Bf16x3Make& m, int64_t until) {
  Maker maker(&m);
  while (maker.done() < until) maker.next();
  maker.put_back(m);
}

// Stores results row by row, as Maker makes rows.
class Finisher {
 public:
  explicit Finisher(const Bf16x3Results* s) {
    if (s == nullptr) return;
    t_ = s->tile;
    done_ = s->done;
    rows_ = s->rows;
    checked_ = s->checked;
    c_ = s->c + done_ * kBf16x3Panel;
    t_.c += done_ * t_.c_stride;
    if (t_.residual != nullptr) t_.residual += done_ * t_.residual_stride;
    masks_[0] = first(min_of(t_.columns, 16));
    masks_[1] = first(max_of(0, t_.columns - 16));
    const Activation* a = t_.activation;
    const bool clips = a != nullptr && a->kind == ActivationKind::kClip && !a->scaled;
    plain_ = t_.columns == kBf16x3Panel && !t_.residual_last && (a == nullptr || clips);
    lo_ = clips ? a->lo : -__builtin_inff();
    hi_ = clips ? a->hi : __builtin_inff();
  }
  int64_t done() const { return done_; }

  // The next row; false where there is none, or it has a NaN.
  CYCLOID_INLINE bool next() {
    if (done_ == rows_) return false;
    const Vec x = load(c_), y = load(c_ + 16);
    if ((_mm512_mask_cmp_ps_mask(masks_[0].m, x.v, x.v, _CMP_UNORD_Q) |
         _mm512_mask_cmp_ps_mask(masks_[1].m, y.v, y.v, _CMP_UNORD_Q)) != 0 &&
        done_ != checked_)
      return false;
    if (plain_) {
      plain_row(x + load(t_.bias), y + load(t_.bias + 16));
    } else {
      any_part(x, 0);
      any_part(y, 1);
    }
    ++done_;
    c_ += kBf16x3Panel;
    t_.c += t_.c_stride;
    if (t_.residual != nullptr) t_.residual += t_.residual_stride;
    return true;
  }

 private:
  CYCLOID_INLINE void plain_row(Vec x, Vec y) const {
    if (t_.residual != nullptr) {
      x = x + load(t_.residual);
      y = y + load(t_.residual + 16);
    }
    const Vec lo = set1(lo_), hi = set1(hi_);
    store(t_.c, min(hi, max(lo, x)));
    store(t_.c + 16, min(hi, max(lo, y)));
  }

  CYCLOID_INLINE void any_part(Vec x, int v) const {
    const int64_t j = v * 16;
    const Mask m = masks_[v];
    Vec z = x + load(t_.bias + j);
    if (t_.residual != nullptr && !t_.residual_last) z = z + load(t_.residual + j, m);
    if (t_.activation != nullptr) z = activate_in_registers<false>(z, *t_.activation, t_.slope, j, m);
    if (t_.residual != nullptr && t_.residual_last) z = z + load(t_.residual + j, m);
    store(t_.c + j, z, m);
  }

  IgemmTile t_{};
  int64_t done_ = 0, rows_ = 0, checked_ = -1;
  const float* c_ = nullptr;
  Mask masks_[2] = {};
  bool plain_ = true;  // whole rows, at most clipped
  float lo_ = 0, hi_ = 0;
};

void finish(Bf16x3Results& s) {
  Finisher finisher(&s);
  while (finisher.next()) {
  }
  s.done = finisher.done();
}

// What vectors do during a sum, a share in each of `slots`.
class Meanwhile {
 public:
  Meanwhile(const Bf16x3Sum& s, int64_t slots)
      : maker_(s.make), finisher_(s.last), fetch_(s.fetch), lines_(s.fetch_lines) {
    fetch_each_ = (lines_ + slots - 1) / slots;
    if (s.last != nullptr) finish_each_ = (s.last->rows - s.last->done + slots - 1) / slots;
    if (s.make == nullptr) return;
    until_ = s.make_until;
    share_ = maker_.done() * kFraction;
    make_each_ = (max_of(0, until_ - maker_.done()) * kFraction + slots - 1) / slots;
  }
  void put_back(const Bf16x3Sum& s) const {
    if (s.last != nullptr) s.last->done = finisher_.done();
    if (s.make != nullptr) maker_.put_back(*s.make);
  }

  CYCLOID_INLINE void slot() {
    for (int64_t i = 0; i < fetch_each_ && lines_ > 0; ++i, --lines_, fetch_ += kBf16x3Line)
      _mm_prefetch(fetch_, _MM_HINT_T1);
    for (int64_t i = 0; i < finish_each_; ++i) {
      if (!finisher_.next()) finish_each_ = 0;
    }
    share_ += make_each_;
    const int64_t until = min_of(until_, share_ / kFraction);
    while (maker_.done() < until) maker_.next();
  }

 private:
  static constexpr int64_t kFraction = 1024;

  Maker maker_;
  Finisher finisher_;
  const char* fetch_;
  int64_t lines_;
  int64_t until_ = 0, share_ = 0, make_each_ = 0, finish_each_ = 0, fetch_each_ = 0;
};

// A block of the sum: loads of a part of A or of B, and the products of those that the registers hold.
template <int kRows, int kColumns>
struct Products {
  const char* a;
  int64_t a_row;
  const char* b;

  template <int kPart>
  CYCLOID_INLINE void load_a() const {
    _tile_loadd(4, a + kPart * kBf16x3Line, a_row);
    if constexpr (kRows == 2) _tile_loadd(5, a + kBf16x3Tile * a_row + kPart * kBf16x3Line, a_row);
  }
  template <int kPart>
  CYCLOID_INLINE void load_b() const {
    const char* from = b + kPart * kColumns * kBf16x3TileBytes;
    _tile_loadd(6, from, kBf16x3Line);
    if constexpr (kColumns == 2) _tile_loadd(7, from + kBf16x3TileBytes, kBf16x3Line);
  }
  CYCLOID_INLINE void add() const {
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (kColumns == 2) _tile_dpbf16ps(1, 4, 7);
    if constexpr (kRows == 2) _tile_dpbf16ps(2, 5, 6);
    if constexpr (kRows == 2 && kColumns == 2) _tile_dpbf16ps(3, 5, 7);
  }
};

// Small products first, each step with one factor of the step before.
template <int kRows, int kColumns>
void sum(const Bf16x3Sum& s) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  constexpr int kSlots = 6;  // of a block
  Meanwhile meanwhile(s, s.blocks * kSlots);
  Products<kRows, kColumns> of{s.a, s.a_row, s.b};
  const auto add = [&] {
    of.add();
    meanwhile.slot();
  };
  for (int64_t block = 0; block < s.blocks; ++block) {
    of.template load_a<2>();
    of.template load_b<0>();
    add();
    of.template load_a<1>();
    add();
    of.template load_b<1>();
    add();
    of.template load_a<0>();
    add();
    of.template load_b<2>();
    add();
    of.template load_b<0>();
    add();
    of.a += kBf16x3Parts * kBf16x3Line;
    of.b += kBf16x3Parts * kColumns * kBf16x3TileBytes;
  }
  meanwhile.put_back(s);
  constexpr int64_t kStride = kBf16x3Panel * sizeof(float);
  _tile_stored(0, s.c, kStride);
  if constexpr (kColumns == 2) _tile_stored(1, s.c + kBf16x3Tile, kStride);
  if constexpr (kRows == 2) _tile_stored(2, s.c + kBf16x3Tile * kBf16x3Panel, kStride);
  if constexpr (kRows == 2 && kColumns == 2) _tile_stored(3, s.c + kBf16x3Tile * kBf16x3Panel + kBf16x3Tile, kStride);
}

}  // namespace

const Bf16x3Bodies bf16x3_bodies_avx512amx = {
    enter_tiles, leave_tiles, make, {{sum<1, 1>, sum<1, 2>}, {sum<2, 1>, sum<2, 2>}}, finish,
};

}  // namespace cycloid::kernels
