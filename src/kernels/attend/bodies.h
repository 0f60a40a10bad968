// Arguments and per-ISA tables of the loops of attention that matrix products do not cover.
#pragma once

#include <stdint.h>

namespace cycloid::kernels {

// scores[r * scores_step + j] = sum over i < size of q[r * q_step + i] * k[j * k_step + i], for few rows r.
struct DotsArgs {
  const float* q;
  int64_t q_step;
  int64_t rows;
  const float* k;
  int64_t k_step;
  int64_t keys;
  int64_t size;
  float* scores;
  int64_t scores_step;
};

// The scores of one query become its shares, in place: softmax(cap(score * scale) + bias) over [first, last), and 0 for the
// keys outside. cap(x) is softcap * tanh(x / softcap), or x where softcap is 0. All are 0 where every bias is -infinity.
struct SharesArgs {
  float* scores;
  int64_t keys;
  int64_t first, last;
  float scale;
  float softcap;
  const float* bias;  // by key; or null
};

struct AttendBodies {
  void (*dots)(const DotsArgs&);
  void (*shares)(const SharesArgs&);
};

extern const AttendBodies attend_bodies_scalar;
extern const AttendBodies attend_bodies_avx2;
extern const AttendBodies attend_bodies_avx512;

}  // namespace cycloid::kernels
