#include "kernels/stream/stream.h"

#include <algorithm>
#include <chrono>

#include "kernels/isa_table.h"

namespace cycloid::kernels {
namespace {

// Timed pieces are as long as this, so that the clock's own time does not count.
constexpr double kLeastTimed = 20e-6;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Of the best piece, in passes per second.
double best_rate(StreamFn pass, const StreamArgs& args, double seconds) {
  pass(args);
  const double begin = seconds_now();
  int repeats = 1;
  double best = 0;
  do {
    const double start = seconds_now();
    for (int i = 0; i < repeats; ++i) pass(args);
    const double time = seconds_now() - start;
    if (time < kLeastTimed) {
      repeats *= 2;
      continue;
    }
    best = std::max(best, repeats / time);
  } while (best == 0 || seconds_now() - begin < seconds);
  return best;
}

}  // namespace

StreamFn stream_read_kernel(Isa isa) { return CYCLOID_ISA_TABLE(isa, stream_read); }
StreamFn stream_copy_kernel(Isa isa) { return CYCLOID_ISA_TABLE(isa, stream_copy); }

double measure_bandwidth(Isa isa, float* from, float* to, int64_t bytes, double seconds) {
  float sink = 0;
  const auto size = static_cast<double>(bytes);
  const int64_t count = bytes / static_cast<int64_t>(sizeof(float)) / kStreamStep * kStreamStep;
  const StreamArgs args{.from = from, .to = to, .count = count, .sink = &sink};
  const double read = size * best_rate(stream_read_kernel(isa), args, seconds / 2);
  return std::max(read, 2 * size * best_rate(stream_copy_kernel(isa), args, seconds / 2));
}

}  // namespace cycloid::kernels
